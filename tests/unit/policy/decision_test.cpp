// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/decision.h"

#include "support/node_config.h"

#include <doctest/doctest.h>
#include <random>
#include <string>
#include <vector>

using namespace bulkhead;
using oci::Family;
using oci::Key;
using policy::Config;
using policy::decide;
using test::sound_config;

namespace {

constexpr Bytes ram{8ULL << 30U};

oci::Engine pod(const std::string& name, const std::string& container = "web") {
    return {.family = Family::containerd, .sandbox = false, .container_name = container, .kubernetes_namespace = name};
}

const oci::Engine local{.family = Family::none, .sandbox = false, .container_name = "web", .kubernetes_namespace = {}};
const oci::Engine nameless{.family = Family::crio, .sandbox = false, .container_name = {}, .kubernetes_namespace = {}};

// "shm-size=1Mi" becomes an annotation; as many as there are, with blanks between; "segment.x=path=/x,size=1Mi" too.
oci::Request request(const std::string& text, const oci::Engine& engine) {
    std::vector<oci::Annotation> annotations;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find(' ', begin), text.size());
        const auto word = text.substr(begin, end - begin);
        const auto equals = word.find('=');
        annotations.push_back({.key = "io.bulkhead." + word.substr(0, equals), .value = word.substr(equals + 1)});
        begin = end + 1;
    }
    auto parsed = oci::parse_request(annotations, engine.container_name);
    CAPTURE((parsed ? "" : parsed.error().what));
    REQUIRE(parsed);
    return *std::move(parsed);
}

// "shm-size=1048576" for what was asked, "shm-size:1048576" for a default, "local/x=1048576" for a segment.
std::string text_of(const policy::Plan& plan) {
    std::string text;
    for (const auto& one : plan.all()) {
        if (one.key != Key::segment) {
            text.append(text.empty() ? "" : " ").append(oci::info_of(one.key).name);
            text.append(one.is_default() ? ":" : "=").append(std::to_string(one.value));
        }
    }
    for (const auto& segment : plan.segments) {
        text.append(text.empty() ? "" : " ").append(segment.place.path()).append("=");
        text.append(segment.size ? std::to_string(segment.size->value) : "any");
        text.append(segment.total ? "/" + std::to_string(segment.total->value) : "");
    }
    return text;
}

struct Case {
    std::string config;
    std::string asked;
    oci::Engine engine;
    std::string plan; // or "CODE what"
};

std::string outcome(const Case& one) {
    const auto config = sound_config(one.config);
    const auto plan = decide(request(one.asked, one.engine), config, {.engine = one.engine, .ram = ram});
    return plan ? text_of(*plan) : std::to_string(static_cast<int>(plan.error().code)) + " " + plan.error().what;
}

void check(const std::vector<Case>& cases) {
    for (const auto& one : cases) {
        CAPTURE(one.config);
        CAPTURE(one.asked);
        CHECK(outcome(one) == one.plan);
    }
}

const std::string none = "{}";
const std::string maxima = R"({"max":{"shm-size":"1Gi","memory-max":"25%","memory-low":"1Mi","pids-max":100,
    "disk-size":"10Gi","disk-inodes":1000,"segment-size":"2Gi","segments-total":"3Gi"}})";
const std::string defaults = R"({"defaults":{"shm-size":"64Mi","memory-max":"1Gi","memory-oom-group":true,"pids-max":50,
    "disk-size":"1Gi","memory-low":"1Mi"}})";
const std::string rules =
    R"({"max":{"shm-size":"1Gi","pids-max":100},"defaults":{"pids-max":10,"shm-size":"1Mi"},"rules":[
    {"namespace":"ml-*","max":{"shm-size":"4Gi"},"defaults":{"disk-size":"20Gi"}},
    {"namespace":"batch","container":"side*","allow":[]},
    {"namespace":"batch","allow":["pids-max","segment"],"defaults":{"pids-max":"20"}},
    {"namespace":"@local","max":{"segment-size":"1Mi"}},
    {"namespace":"*","allow":["shm-size"]}]})";
const std::string no_namespace = "65 the engine's annotations do not tell the pod's namespace";

} // namespace

TEST_CASE("without a config") {
    check({
        {none, "", local, ""},
        {none, "shm-size=4Gi", local, "shm-size=4294967296"},
        {none, "shm-size=4294967297", local,
         "77 io.bulkhead.shm-size=\"4294967297\": exceeds the maximum of 4Gi (half of the node's RAM); ask for less"},
        {none, "memory-max=1Ti", local, "memory-max=1099511627776"},
        {none, "memory-high=1Gi memory-swap-max=0 memory-oom-group=true pids-max=7", local,
         "memory-high=1073741824 memory-swap-max=0 memory-oom-group=1 pids-max=7"},
        {none, "memory-low=0", local,
         "77 io.bulkhead.memory-low=\"0\": takes memory from other containers, so the node config must set a maximum "
         "for it, and has none; leave it out"},
        {none, "disk-size=1Ti disk-inodes=5", local, "disk-size=1099511627776 disk-inodes=5"},
        {none, "segment.x=path=/x,size=4Gi", local, "local/x=4294967296"},
        {none, "segment.x=path=/x,size=5Gi", pod("prod"),
         "77 io.bulkhead.segment.x=\"path=/x,size=5Gi\": size exceeds the maximum of 4Gi (half of the node's RAM); ask "
         "for less"},
        {none, "segment.x=path=/x", pod("prod"), "k8s/prod/x=any"},
        {none, "shm-size=1Mi", nameless, "shm-size=1048576"},
        {none, "segment.x=path=/x", nameless, no_namespace},
        {none, "shm-size=1Mi segment.x=path=/dev/shm", local,
         "64 io.bulkhead.segment.x=\"path=/dev/shm\": a segment at /dev/shm has its own size; leave "
         "io.bulkhead.shm-size out"},
    });
}

TEST_CASE("a maximum may be reached and not exceeded") {
    const auto refused = [](const std::string& key, const std::string& value, const std::string& most) {
        return "77 io.bulkhead." + key + "=\"" + value + "\": exceeds the maximum of " + most + " (max." + key +
               " in FILE); ask for less";
    };
    check({
        {maxima, "shm-size=1Gi", local, "shm-size=1073741824"},
        {maxima, "shm-size=1073741825", local, refused("shm-size", "1073741825", "1Gi")},
        {maxima, "memory-max=2147483600", local, "memory-max=2147483600"},
        {maxima, "memory-max=3Gi", local, refused("memory-max", "3Gi", "2147483625")},
        {maxima, "memory-high=3Gi", local, "memory-high=3221225472"},
        {maxima, "memory-low=1Mi", local, "memory-low=1048576"},
        {maxima, "memory-low=2Mi", local, refused("memory-low", "2Mi", "1Mi")},
        {maxima, "pids-max=100", local, "pids-max=100"},
        {maxima, "pids-max=101", local, refused("pids-max", "101", "100")},
        {maxima, "disk-size=10Gi disk-inodes=1000", local, "disk-size=10737418240 disk-inodes=1000"},
        {maxima, "disk-size=11Gi", local, refused("disk-size", "11Gi", "10Gi")},
        {maxima, "disk-inodes=1001", local, refused("disk-inodes", "1001", "1000")},
        {maxima, "segment.x=path=/x,size=2Gi", local, "local/x=2147483648/3221225472"},
        {maxima, "segment.x=path=/x,size=3Gi", local,
         "77 io.bulkhead.segment.x=\"path=/x,size=3Gi\": size exceeds the maximum of 2Gi (max.segment-size in FILE); "
         "ask for less"},
        {R"({"max":{"segment-size":"100%"}})", "segment.x=path=/x,size=7Gi", local, "local/x=7516192768"},
        {maxima, "segment.x=path=/x,size=1Mi,inodes=524288", local, "local/x=1048576/3221225472"},
        {maxima, "segment.x=path=/x,size=1Mi,inodes=524289", local,
         "77 io.bulkhead.segment.x=\"path=/x,size=1Mi,inodes=524289\": inodes exceeds the maximum of 524288 (one for "
         "each "
         "page of max.segment-size in FILE); ask for less"},
        {R"({"max":{"segment-size":4096}})", "segment.x=path=/x,inodes=1024", local, "local/x=any"},
        {R"({"max":{"shm-size":"100%"}})", "shm-size=7Gi", local, "shm-size=7516192768"},
    });
}

TEST_CASE("defaults are for who does not ask for the same, and above a maximum they are cut") {
    check({
        {defaults, "", local,
         "shm-size:67108864 memory-max:1073741824 memory-low:1048576 memory-oom-group:1 pids-max:50 "
         "disk-size:1073741824"},
        {defaults, "pids-max=5", pod("prod"),
         "shm-size:67108864 memory-max:1073741824 memory-low:1048576 memory-oom-group:1 pids-max=5 "
         "disk-size:1073741824"},
        {defaults, "memory-oom-group=false shm-size=128Mi", local,
         "shm-size=134217728 memory-max:1073741824 memory-low:1048576 memory-oom-group=0 pids-max:50 "
         "disk-size:1073741824"},
        {R"({"defaults":{"shm-size":"1Mi"}})", "segment.x=path=/dev/shm,size=1Mi", local, "local/x=1048576"},
        {R"({"defaults":{"shm-size":"1Mi"}})", "segment.x=path=/dev/shm/x,size=1Mi", local,
         "shm-size:1048576 local/x=1048576"},
        {R"({"defaults":{"pids-max":500},"max":{"pids-max":100}})", "", local, "pids-max:100"},
        {R"({"defaults":{"shm-size":"100%"}})", "", local, "shm-size:4294967296"},
        {R"({"defaults":{"shm-size":"1%"}})", "", local, "shm-size:85899345"},
        {R"({"defaults":{"disk-inodes":5}})", "disk-size=1Gi", local, "disk-size=1073741824 disk-inodes:5"},
        {R"({"defaults":{"pids-max":5}})", "", nameless, "pids-max:5"},
    });
}

TEST_CASE("the first rule that matches, key by key over the top level") {
    const std::string no = " does not list it; leave it out";
    check({
        {rules, "", pod("ml-train"), "shm-size:1048576 pids-max:10 disk-size:21474836480"},
        {rules, "shm-size=4Gi", pod("ml-train"), "shm-size=4294967296 pids-max:10 disk-size:21474836480"},
        {rules, "shm-size=5Gi", pod("ml-train"),
         "77 io.bulkhead.shm-size=\"5Gi\": exceeds the maximum of 4Gi (rules[0].max.shm-size in FILE); ask for less"},
        {rules, "pids-max=101", pod("ml-train"),
         "77 io.bulkhead.pids-max=\"101\": exceeds the maximum of 100 (max.pids-max in FILE); ask for less"},
        {rules, "", pod("xml-train"), "shm-size:1048576 pids-max:10"},
        {rules, "shm-size=4Gi", pod("xml-train"),
         "77 io.bulkhead.shm-size=\"4Gi\": exceeds the maximum of 1Gi (max.shm-size in FILE); ask for less"},
        {rules, "", pod("batch"), "shm-size:1048576 pids-max:20"},
        {rules, "pids-max=30", pod("batch"), "shm-size:1048576 pids-max=30"},
        {rules, "shm-size=1Mi", pod("batch"), "77 io.bulkhead.shm-size=\"1Mi\": rules[2].allow in FILE" + no},
        {rules, "segment.x=path=/x,size=1Mi", pod("batch"), "shm-size:1048576 pids-max:20 k8s/batch/x=1048576"},
        {rules, "pids-max=5", pod("batch", "sidecar"), "77 io.bulkhead.pids-max=\"5\": rules[1].allow in FILE" + no},
        {rules, "", pod("batch", "sidecar"), "shm-size:1048576 pids-max:10"},
        {rules, "segment.x=path=/x,size=2Mi", local,
         "77 io.bulkhead.segment.x=\"path=/x,size=2Mi\": size exceeds the maximum of 1Mi (rules[3].max.segment-size "
         "in FILE); ask for less"},
        {rules, "segment.x=path=/x,size=1Mi", local, "shm-size:1048576 pids-max:10 local/x=1048576"},
        {rules, "segment.x=path=/x,size=1Mi", pod("other"),
         "77 io.bulkhead.segment.x=\"path=/x,size=1Mi\": rules[4].allow in FILE" + no},
        {rules, "disk-size=1Mi", pod("other"), "77 io.bulkhead.disk-size=\"1Mi\": rules[4].allow in FILE" + no},
        {rules, "", nameless, no_namespace},
        {R"({"rules":[{"container":"x","allow":[]}]})", "pids-max=5", nameless,
         "65 the engine's annotations do not tell this container's name"},
        {R"({"rules":[{"container":"w*","allow":[]}]})", "pids-max=5", local,
         "77 io.bulkhead.pids-max=\"5\": rules[0].allow in FILE" + no},
        {R"({"rules":[{"max":{"pids-max":1}}]})", "pids-max=2", nameless,
         "77 io.bulkhead.pids-max=\"2\": exceeds the maximum of 1 (rules[0].max.pids-max in FILE); ask for less"},
        {R"({"rules":[{"namespace":"*","max":{"memory-low":"1Mi"}}]})", "memory-low=1Mi", local, "memory-low=1048576"},
        {R"({"rules":[{"defaults":{"pids-max":9}}],"max":{"pids-max":4}})", "", local, "pids-max:4"},
        {R"({"rules":[{"max":{"segments-total":"1Gi"}}],"max":{"segments-total":"5Gi"}})", "segment.x=path=/x,size=1Mi",
         local, "local/x=1048576/1073741824"},
    });
}

TEST_CASE("declared segments under maxima") {
    const std::string declared =
        R"("segments":{"feed":{"size":"2Gi","writers":["prod"],"readers":["*"]},"free":{"writers":["*"]}})";
    check({
        {"{" + declared + "}", "segment.feed=path=/x", pod("prod"), "node/feed=2147483648"},
        {"{" + declared + "}", "segment.feed=path=/x", local,
         "77 io.bulkhead.segment.feed=\"path=/x\": the node config lets @local only read this segment; add ro"},
        {"{" + declared + "}", "segment.feed=path=/x,ro", local, "node/feed=2147483648"},
        {R"({"max":{"segment-size":"1Gi","segments-total":"1Gi"},)" + declared + "}", "segment.feed=path=/x",
         pod("prod"), "node/feed=1073741824"},
        {R"({"max":{"segment-size":"1Gi"},)" + declared + "}", "segment.feed=path=/x,size=1025Mi", pod("prod"),
         "77 io.bulkhead.segment.feed=\"path=/x,size=1025Mi\": size exceeds the maximum of 1Gi (max.segment-size in "
         "FILE); ask for less"},
        {R"({"max":{"segment-size":"6Gi"},)" + declared + "}", "segment.free=path=/x,size=5Gi", local,
         "node/free=5368709120"},
        {"{" + declared + "}", "segment.free=path=/x,size=5Gi", local,
         "77 io.bulkhead.segment.free=\"path=/x,size=5Gi\": size exceeds the maximum of 4Gi (half of the node's RAM); "
         "ask for less"},
        {R"({"segments":{"big":{"size":"6Gi","writers":["*"]}}})", "segment.big=path=/x", local, "node/big=6442450944"},
    });
}

TEST_CASE("ro is refused to whom CAP_SYS_ADMIN may come") {
    const auto what = [](const std::string& asked, bool sys_admin) {
        const auto plan = decide(request(asked, local), {}, {.engine = local, .ram = ram, .sys_admin = sys_admin});
        if (!plan) {
            CHECK(plan.error().code == Code::not_allowed);
        }
        return plan ? "" : plan.error().what;
    };
    CHECK(what("segment.x=path=/x,ro", true) ==
          "io.bulkhead.segment.x=\"path=/x,ro\": ro cannot be held against CAP_SYS_ADMIN, which may mount anew, in a "
          "user namespace as well; drop the capability, or leave ro out");
    CHECK(what("segment.x=path=/x segment.y=path=/y,ro", true).starts_with("io.bulkhead.segment.y="));
    CHECK(what("segment.x=path=/x,ro", false).empty());
    CHECK(what("segment.x=path=/x", true).empty());
}

TEST_CASE("what a disk-size implies is bounded, too") {
    const auto most = [](const std::string& config) {
        return decide(request("disk-size=1Gi", local), sound_config(config), {.engine = local, .ram = ram})
            .value()
            .most_disk_inodes;
    };
    CHECK(!most(none));
    CHECK(most(maxima) == Count{1000});
}

TEST_CASE("whether a container that asks for nothing gets something") {
    const auto has = [](const std::string& config, const oci::Engine& engine) {
        return policy::allowance_for(sound_config(config), engine, ram).value().has_defaults();
    };
    CHECK(!has(none, local));
    CHECK(has(defaults, local));
    CHECK(has(rules, pod("x")));
    const std::string ml = R"({"rules":[{"namespace":"ml","defaults":{"pids-max":5}}]})";
    CHECK(has(ml, pod("ml")));
    CHECK(!has(ml, pod("x")));
    CHECK(!has(ml, local));
}

namespace {

// A number near others, so that bounds are met.
class Dice {
public:
    std::uint64_t below(std::uint64_t end) { return random_() % end; }
    bool chance(std::uint64_t one_in) { return below(one_in) == 0; }
    // A value that any key takes.
    std::uint64_t value() { return 65536 + below(64); }

private:
    std::mt19937_64 random_{20240501}; // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
};

std::string terms(Dice& dice, bool for_max) {
    std::string text = "{";
    for (const auto& info : oci::annotation_keys) {
        const bool boolean = info.type == oci::ValueType::boolean;
        if (info.type == oci::ValueType::segment || (boolean && for_max) || dice.chance(2)) {
            continue;
        }
        text.append(text.size() > 1 ? "," : "").append("\"").append(info.name).append("\":");
        text.append(boolean ? "true" : std::to_string(dice.value()));
    }
    return text + "}";
}

std::string random_config(Dice& dice) {
    const auto rule = [&](const std::string& who) {
        return "{" + who + R"("max":)" + terms(dice, true) + R"(,"defaults":)" + terms(dice, false) +
               (dice.chance(3) ? R"(,"allow":["shm-size","pids-max","disk-size"])" : "") + "}";
    };
    return R"({"max":)" + terms(dice, true) + R"(,"defaults":)" + terms(dice, false) + R"(,"rules":[)" +
           rule(R"("namespace":"a","container":"x",)") + "," + rule(R"("namespace":"a",)") + "]}";
}

std::string random_request(Dice& dice) {
    std::string text;
    for (const auto& info : oci::annotation_keys) {
        if (info.type != oci::ValueType::segment && dice.chance(6)) {
            text.append(text.empty() ? "" : " ").append(info.name).append("=");
            text.append(info.type == oci::ValueType::boolean ? "true" : std::to_string(dice.value()));
        }
    }
    return text;
}

} // namespace

TEST_CASE("no plan exceeds a maximum or has what nobody wanted, and only what exceeds or is not allowed is refused") {
    Dice dice;
    int refusals = 0;
    constexpr int rounds = 3'000;
    for (int round = 0; round < rounds; ++round) {
        const auto config = sound_config(random_config(dice));
        const auto engine = pod(dice.chance(2) ? "a" : "b", dice.chance(2) ? "x" : "y");
        const auto asked = request(random_request(dice), engine);
        const auto allowance = policy::allowance_for(config, engine, ram).value();
        const auto* rule = engine.kubernetes_namespace == "b" ? nullptr
                           : engine.container_name == "x"     ? config.rules.data()
                                                              : &config.rules[1];
        CHECK(allowance.rule == rule);
        const auto plan = decide(asked, config, {.engine = engine, .ram = ram});
        bool allowed = true;
        for (const auto& info : oci::annotation_keys) {
            const auto& wish = asked[info.key];
            const auto& max = allowance.max(info.key);
            allowed = allowed && (!wish || (allowance.allows(info.key) && (!max || wish->value <= max->value) &&
                                            (max || info.key != Key::memory_low)));
        }
        CHECK(plan.has_value() == allowed);
        refusals += plan ? 0 : 1;
        for (const auto& one : plan ? plan->all() : std::vector<oci::Setting>{}) {
            const auto& max = allowance.max(one.key);
            const auto& wish = asked[one.key];
            CHECK((!max || one.value <= max->value));
            CHECK((wish ? wish->value == one.value && !one.is_default() : one.is_default()));
        }
    }
    CHECK(refusals > rounds / 10);
    CHECK(refusals < rounds * 9 / 10);
}
