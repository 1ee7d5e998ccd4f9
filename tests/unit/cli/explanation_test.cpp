// SPDX-License-Identifier: Apache-2.0
// That what is said is what the hook then does, is the matter of tests/integration/explain.bats.
#include "runtime/cli/explanation.h"

#include "support/node_config.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace bulkhead;
using cli::Effect;
using cli::Explanation;
using cli::Ground;
using cli::Verdict;
using oci::Key;
using oci::MountKind;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;
constexpr Bytes ram{8ULL << 30U};

policy::ConfigReading reading_of(const std::string& config) {
    auto read = test::read_config_text(config);
    return {.config = std::move(read.config), .files = {"FILE"}, .problems = std::move(read.problems)};
}

struct Bundle : Ground {
    Bundle() {
        Ground::ram = ::ram;
        spec.dev_shm = {.kind = MountKind::tmpfs, .source = "", .size = "64m"};
    }
    Bundle& asks(const std::string& name, const std::string& value) {
        spec.annotations.push_back({.key = "io.bulkhead." + name, .value = value});
        return *this;
    }
    Bundle& in_namespace(const std::string& name) {
        spec.annotations.push_back({.key = "io.kubernetes.cri.sandbox-namespace", .value = name});
        spec.annotations.push_back({.key = "io.kubernetes.cri.container-name", .value = "web"});
        return *this;
    }
    Bundle& engine_sets(Key key, std::uint64_t value) {
        words.limits[static_cast<std::size_t>(key)] = value;
        return *this;
    }
};

Explanation explain(const Ground& ground, const std::string& config = "{}", std::optional<bool> named = std::nullopt) {
    return cli::explain({.id = "c1", .bundle = "/bundle", .named = named}, ground, reading_of(config));
}

const cli::KeyLine& line_of(const Explanation& explanation, Key key) {
    return *std::ranges::find(explanation.keys, key, &cli::KeyLine::key);
}

std::string_view word_for(Effect effect) {
    constexpr std::array<std::string_view, 5> words{"none", "set", "kept", "left out", "at start"};
    return words.at(static_cast<std::size_t>(effect));
}

// "set 5", "none -": what becomes of a key, and the value.
std::string outcome(const Explanation& explanation, Key key) {
    if (explanation.verdict != Verdict::limits) {
        return explanation.refusal_line() + explanation.reason;
    }
    const auto& line = line_of(explanation, key);
    return std::string(word_for(line.effect)) + " " + (line.value ? std::to_string(*line.value) : "-");
}

} // namespace

TEST_CASE("who asks for nothing, and sandboxes, are left alone") {
    const auto nothing = explain({});
    CHECK(nothing.verdict == Verdict::nothing);
    CHECK(nothing.reason == "nothing in its state begins with io.bulkhead., and the node config has no defaults");
    const auto unmatched = explain({}, R"({"rules":[{"namespace":"prod","defaults":{"pids-max":5}}]})");
    CHECK(unmatched.verdict == Verdict::nothing);
    CHECK(unmatched.reason == "it asks for nothing, and no default is for it");
    auto sandbox = Bundle().in_namespace("prod").asks("pids-max", "5");
    sandbox.spec.annotations.push_back({.key = "io.kubernetes.cri.container-type", .value = "sandbox"});
    CHECK(explain(sandbox, R"({"defaults":{"pids-max":5}})").reason ==
          "it is a pod's sandbox, which gets no limits of its own");
}

TEST_CASE("what a runtime does not tell the hook, the hook does not see") {
    const auto asks = Bundle().asks("pids", "5");
    CHECK(explain(asks).verdict == Verdict::refused);
    CHECK(explain(asks, "{}", true).verdict == Verdict::refused);
    CHECK(explain(asks, "{}", false).verdict == Verdict::nothing);
    CHECK(explain(asks, R"({"defaults":{"pids-max":5}})", false).verdict == Verdict::refused); // it looks at all then
    auto both = Bundle().in_namespace("prod");
    both.spec.annotations.push_back({.key = "io.kubernetes.cri-o.Name", .value = "k8s_a_b_c_d_0"});
    CHECK(explain(both).verdict == Verdict::nothing);
    CHECK(explain(both.asks("pids-max", "5")).refusal->code == Code::not_allowed);
    CHECK(!explain(both).engine);
}

TEST_CASE("a refusal has the hook's line and code") {
    const auto refused = explain(Bundle().asks("shm-size", "5Gi"));
    CHECK(refused.verdict == Verdict::refused);
    CHECK(refused.refusal->code == Code::not_allowed);
    CHECK(refused.refusal_line() ==
          "bulkhead: c1: io.bulkhead.shm-size=\"5Gi\": exceeds the maximum of 4Gi (half of the "
          "node's RAM); ask for less");
    const auto bad = explain(Bundle().asks("shm-size", "1Gi"), R"({"disks":{}})");
    CHECK(bad.refusal->code == Code::bad_config);
    CHECK(!bad.config_sound);
    const auto before = cli::explain_unread({.id = "c1", .bundle = "/b", .named = {}},
                                            {.code = Code::system, .what = "why"}, reading_of("{}"));
    CHECK(before.verdict == Verdict::refused);
    CHECK(before.refusal_line() == "bulkhead: c1: why");
    CHECK(!before.engine);
    const auto passed_over = [](const std::string& config) {
        return cli::explain_unread({.id = "c1", .bundle = "/b", .named = false}, {.code = Code::system, .what = "why"},
                                   reading_of(config))
                   .verdict == Verdict::nothing;
    };
    CHECK(passed_over("{}"));
    CHECK(!passed_over(R"({"defaults":{"pids-max":5}})"));
}

TEST_CASE("cgroup limits: the engine's tighter ones stay") {
    const auto asks = [](Key key, std::uint64_t engines, const std::string& value, const std::string& config = "{}") {
        const std::string name(oci::info_of(key).name);
        return outcome(explain(Bundle().asks(name, value).engine_sets(key, engines), config), key);
    };
    CHECK(outcome(explain(Bundle().asks("pids-max", "5")), Key::pids_max) == "set 5");
    CHECK(asks(Key::pids_max, 4, "5") == "kept 4");
    CHECK(asks(Key::pids_max, 5, "5") == "set 5");
    CHECK(asks(Key::pids_max, 6, "5") == "set 5");
    CHECK(asks(Key::pids_max, 4, "5", R"({"cgroup":{"allow-raise":true}})") == "set 5");
    CHECK(asks(Key::memory_max, 64 * mebibyte, "1Gi") == "kept 67108864");
    CHECK(asks(Key::memory_oom_group, 1, "false") == "kept 1");
    CHECK(asks(Key::memory_oom_group, 0, "false") == "set 0");
    CHECK(asks(Key::memory_low, 5 * 4096, "4096", R"({"max":{"memory-low":"1Gi"}})") == "set 4096");
    CHECK(outcome(explain(Bundle().asks("memory-low", "4096"), R"({"max":{"memory-low":"1Gi"}})"), Key::memory_low) ==
          "set 4096");
}

TEST_CASE("defaults: never above the engine's, whatever may be raised") {
    const std::string config = R"({"defaults":{"pids-max":5,"memory-low":8192},"cgroup":{"allow-raise":true}})";
    CHECK(outcome(explain(Bundle().engine_sets(Key::pids_max, 4), config), Key::pids_max) == "kept 4");
    CHECK(outcome(explain(Bundle().engine_sets(Key::pids_max, 6), config), Key::pids_max) == "set 5");
    CHECK(outcome(explain({}, config), Key::memory_low) == "set 8192");
    CHECK(outcome(explain(Bundle().engine_sets(Key::memory_low, 4096), config), Key::memory_low) == "kept 4096");
    const auto explanation = explain(Bundle().asks("pids-max", "3"), config);
    CHECK(outcome(explanation, Key::pids_max) == "set 3");
    CHECK(!line_of(explanation, Key::pids_max).setting->is_default());
    CHECK(line_of(explanation, Key::memory_low).setting->is_default());
}

TEST_CASE("values are as the kernel keeps them") {
    CHECK(outcome(explain(Bundle().asks("memory-max", "64000001")), Key::memory_max) == "set 64000000");
    CHECK(outcome(explain(Bundle().asks("shm-size", "10001")), Key::shm_size) == "set 12288");
    CHECK(outcome(explain(Bundle().asks("pids-max", "10001")), Key::pids_max) == "set 10001");
}

TEST_CASE("shm: what was there, and what a default does to it") {
    const std::string config = R"({"defaults":{"shm-size":"16Mi"}})";
    Bundle bundle;
    CHECK(outcome(explain(bundle, config), Key::shm_size) == "set 16777216");
    bundle.spec.dev_shm.size = "8m";
    CHECK(outcome(explain(bundle, config), Key::shm_size) == "kept 8388608");
    CHECK(line_of(explain(bundle, config), Key::shm_size).engines == 8 * mebibyte);
    bundle.spec.dev_shm.size = "50%"; // of RAM, not told here
    CHECK(outcome(explain(bundle, config), Key::shm_size) == "set 16777216");
    bundle.spec.dev_shm = {.kind = MountKind::foreign, .source = "/host/shm"};
    CHECK(outcome(explain(bundle, config), Key::shm_size) == "at start 16777216");
    bundle.spec.dev_shm = {};
    CHECK(outcome(explain(bundle, config), Key::shm_size) == "none -");
    bundle.asks("shm-size", "1Mi");
    CHECK(line_of(explain(bundle, config), Key::shm_size).note == "made, as the container has none");
}

TEST_CASE("the least that is said of a key is the maximum, and who may not ask") {
    const auto asks = Bundle().in_namespace("prod").asks("pids-max", "5").engine_sets(Key::memory_max, mebibyte);
    const auto explanation = explain(asks, R"({"max":{"memory-high":"25%"},"rules":[{"namespace":"*"
        ,"max":{"shm-size":"1Gi"},"allow":["pids-max"]}]})");
    REQUIRE(explanation.rule);
    CHECK(explanation.rule->path == "rules[0]");
    CHECK(line_of(explanation, Key::memory_high).maximum->value == ram.value / 100 * 25);
    CHECK(line_of(explanation, Key::memory_high).maximum->origin == "max.memory-high in FILE");
    CHECK(line_of(explanation, Key::shm_size).maximum->origin == "rules[0].max.shm-size in FILE");
    CHECK(line_of(explanation, Key::shm_size).note == "may not be asked for: rules[0].allow in FILE does not list it");
    CHECK(outcome(explanation, Key::memory_max) == "none 1048576"); // the engine's
    CHECK(explanation.keys.size() == oci::key_count - 1);
    CHECK(line_of(explain(Bundle().asks("pids-max", "5")), Key::memory_low).note ==
          "may not be asked for: the node config has no maximum for it");
}

TEST_CASE("segments, and the /dev/shm that one of them is") {
    const auto explanation = explain(
        Bundle().in_namespace("prod").asks("segment.feed", "path=/feed,ro").asks("segment.x", "path=/dev/shm,size=1Mi"),
        R"({"defaults":{"shm-size":"1Mi"},"max":{"segments-total":"1Gi"},
        "segments":{"feed":{"size":"2Mi","readers":["*"],"keep":true}}})");
    REQUIRE(explanation.segments.size() == 2);
    const auto& feed = explanation.segments[0];
    CHECK(feed.plan.place.path() == "node/feed");
    CHECK(feed.plan.size == Bytes{2 * mebibyte});
    CHECK(feed.declared);
    CHECK(!feed.plan.total);
    const auto& own = explanation.segments[1];
    CHECK(own.plan.place.path() == "k8s/prod/x");
    CHECK(own.maximum.origin == "half of the node's RAM");
    CHECK(!own.declared);
    CHECK(own.plan.total->value == 1024 * mebibyte);
    CHECK(line_of(explanation, Key::shm_size).note == "the segment at /dev/shm has its own size");
    CHECK(outcome(explanation, Key::shm_size) == "none -");
}

TEST_CASE("disk: what is counted, and what is not") {
    const std::string id(64, 'a');
    Bundle bundle;
    bundle.asks("disk-size", "1Gi");
    bundle.words.binds = {{.destination = "/etc/hosts", .source = "/run/" + id + "/hosts", .read_only = false},
                          {.destination = "/data", .source = "/srv", .read_only = false},
                          {.destination = "/conf", .source = "/etc", .read_only = true},
                          {.destination = "/dev/shm", .source = "/run/shm", .read_only = false},
                          {.destination = "/devices", .source = "/d", .read_only = false}};
    const auto explained = [&](const std::string& config) {
        return cli::explain({.id = id, .bundle = "/bundle", .named = {}}, bundle, reading_of(config));
    };
    auto explanation = explained("{}");
    REQUIRE(explanation.uncounted.size() == 3);
    CHECK(explanation.uncounted[0].bind.destination == "/etc/hosts");
    CHECK(!explanation.uncounted[0].labelled);
    CHECK(explanation.uncounted[2].bind.destination == "/devices");
    CHECK(outcome(explanation, Key::disk_size) == "set 1073741824");
    CHECK(line_of(explanation, Key::disk_inodes).note.starts_with("limited by disk-size"));
    explanation = explained(R"({"disk":{"label-engine-files":true,"implied-inodes":false}})");
    CHECK(explanation.uncounted[0].labelled);
    CHECK(!explanation.uncounted[1].labelled);
    CHECK(line_of(explanation, Key::disk_inodes).note.empty());
    explanation = explained(R"({"disk":{"accounting-only":true}})");
    CHECK(outcome(explanation, Key::disk_size) == "none -");
    CHECK(explain(Bundle().asks("pids-max", "5")).uncounted.empty());
}

TEST_CASE("disk: whether the guard holds it, and what is required") {
    auto bundle = Bundle().asks("disk-size", "1Gi");
    bundle.confinement.pid = oci::PidNamespace::own;
    const std::string required = R"({"disk":{"guard":"require"}})";
    // Not started: behind the shim.
    CHECK(!explain(bundle).guarded);
    CHECK(!explain(bundle).escapable);
    CHECK(explain(bundle, required).verdict == Verdict::limits);
    CHECK(explain(bundle, required).at_start.back() ==
          "disk: that the container runs behind the guard of bulkhead-runtime");
    bundle.confinement.unbounded_by = "CAP_SYS_ADMIN";
    CHECK(explain(bundle).escapable == "it may have CAP_SYS_ADMIN");
    CHECK(explain(bundle, required).refusal->code == Code::not_allowed);
    // Started: as it was.
    bundle.guard = {.put_up = true, .escapable = ""};
    CHECK(explain(bundle).guarded == true);
    CHECK(!explain(bundle).escapable);
    bundle.guard = {.put_up = false, .escapable = "why"};
    CHECK(explain(bundle).guarded == false);
    CHECK(explain(bundle).escapable == "why");
    CHECK(explain(bundle, required).refusal->what.ends_with("could: why"));
}

TEST_CASE("what only the container can tell is named, by what is asked for") {
    const auto looks = [](const Bundle& bundle) { return explain(bundle).at_start.size(); };
    CHECK(looks(Bundle().asks("pids-max", "5")) == 1);
    CHECK(looks(Bundle().asks("pids-max", "5").asks("shm-size", "1Mi")) == 2);
    CHECK(looks(Bundle().asks("disk-inodes", "5").asks("segment.x", "path=/x")) == 2);
}

TEST_CASE("what cgroup v1 has not") {
    auto bundle = Bundle().asks("memory-high", "1Gi").asks("pids-max", "5");
    bundle.cgroups = sys::CgroupVersion::v1;
    const std::string what = "io.bulkhead.memory-high=\"1Gi\": cgroup v1 has no such limit; it needs cgroup v2";
    const auto refused = explain(bundle);
    CHECK(refused.verdict == Verdict::refused);
    CHECK(refused.refusal->code == Code::unsupported);
    CHECK(refused.refusal_line() == "bulkhead: c1: " + what);
    const auto without = explain(bundle, R"({"on-error":{"cgroup":"warn"}})");
    CHECK(outcome(without, Key::memory_high) == "left out -");
    CHECK(line_of(without, Key::memory_high).note == what);
    CHECK(outcome(without, Key::pids_max) == "set 5");
    auto swap = Bundle().asks("memory-swap-max", "1Gi");
    swap.cgroups = sys::CgroupVersion::v1;
    CHECK(outcome(explain(swap), Key::memory_swap_max) == "at start -");
    CHECK(outcome(explain(swap.engine_sets(Key::memory_max, mebibyte)), Key::memory_swap_max) == "set 1073741824");
}

TEST_CASE("what the node tells besides is a refusal, or left out") {
    const auto bundle = Bundle().asks("shm-size", "1Mi");
    const auto after = [&](const std::string& config, Code code) {
        auto explanation = explain(bundle, config);
        cli::take_failure(explanation, oci::Resource::shm, Key::shm_size, {.code = code, .what = "why"});
        return explanation;
    };
    CHECK(after("{}", Code::unsupported).refusal_line() == "bulkhead: c1: why");
    CHECK(after("{}", Code::unsupported).verdict == Verdict::refused);
    const auto left_out = after(R"({"on-error":{"shm":"warn"}})", Code::unsupported);
    CHECK(outcome(left_out, Key::shm_size) == "left out 67108864");
    CHECK(line_of(left_out, Key::shm_size).note == "why");
    CHECK(after(R"({"on-error":{"shm":"warn"}})", Code::not_allowed).verdict == Verdict::refused);
}
