// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/request.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;
using oci::Annotation;
using oci::Key;
using oci::parse_request;

namespace {

struct Accepted {
    std::string name;
    std::string text;
    Key key;
    std::uint64_t value;
};

struct Refused {
    std::string key;
    std::string text;
    std::string reason;
};

const std::string prefix(oci::our_prefix);
const std::string zero = "is 0, which would be no limit or no room; write more or leave it out";
const std::string no_name = "what follows the slash is not a container's name; write 1 to 253 letters, digits and _.+-";

std::string nearest(const std::string& name) { return "unknown annotation; the nearest known one is " + prefix + name; }

oci::Request request(const std::vector<Annotation>& annotations, const std::optional<std::string>& name = "web") {
    auto parsed = parse_request(annotations, name);
    REQUIRE(parsed);
    return *std::move(parsed);
}

Error refusal(const std::vector<Annotation>& annotations, const std::optional<std::string>& name = "web") {
    const auto parsed = parse_request(annotations, name);
    REQUIRE(!parsed);
    return parsed.error();
}

void check_refused(const std::vector<Refused>& table) {
    for (const auto& row : table) {
        CAPTURE(row.key);
        const auto error = refusal({{prefix + row.key, row.text}});
        CHECK(error.code == Code::invalid_annotation);
        CHECK(error.what == prefix + row.key + "=\"" + row.text + "\": " + row.reason);
    }
}

} // namespace

TEST_CASE("every key with values at its ends") {
    const std::vector<Accepted> table{
        {"shm-size", "512Mi", Key::shm_size, 536'870'912},
        {"shm-size", "1", Key::shm_size, 1},
        {"shm-size", "9223372036854775807", Key::shm_size, INT64_MAX},
        {"memory-max", "1G", Key::memory_max, 1'000'000'000},
        {"memory-high", "1Gi", Key::memory_high, 1'073'741'824},
        {"memory-low", "0", Key::memory_low, 0},
        {"memory-low", "64Mi", Key::memory_low, 67'108'864},
        {"memory-swap-max", "0", Key::memory_swap_max, 0},
        {"memory-swap-max", "1k", Key::memory_swap_max, 1000},
        {"memory-oom-group", "true", Key::memory_oom_group, 1},
        {"memory-oom-group", "false", Key::memory_oom_group, 0},
        {"pids-max", "1", Key::pids_max, 1},
        {"pids-max", "4194304", Key::pids_max, 4'194'304},
    };
    for (const auto& row : table) {
        CAPTURE(row.name);
        const auto parsed = request({{prefix + row.name, row.text}});
        const auto& setting = parsed[row.key];
        REQUIRE(setting);
        CHECK(setting->key == row.key);
        CHECK(setting->value == row.value);
        CHECK(setting->text == row.text);
        CHECK(setting->annotation == prefix + row.name);
        CHECK(!setting->for_one_container);
        CHECK(!parsed.empty());
        for (const auto& info : oci::annotation_keys) {
            CHECK(parsed[info.key].has_value() == (info.key == row.key));
        }
    }
}

TEST_CASE("nothing asked for is an empty request") {
    CHECK(request({}).empty());
    CHECK(request({{"io.kubernetes.cri.sandbox-id", "x"}, {"xio.bulkhead.shm-size", "y"}}).empty());
    CHECK(request({{"io.bulkhead", "y"}}).empty());
}

TEST_CASE("a value that makes no sense is refused with the key, the value and the reason") {
    check_refused({
        {"shm-size", "0", zero},
        {"shm-size", "0Gi", zero},
        {"memory-max", "0", zero},
        {"memory-max", "4095", "is too little; write at least 65536"},
        {"memory-high", "0", zero},
        {"pids-max", "0", zero},
        {"shm-size", "", "is empty; write a number"},
        {"shm-size", "512m", "\"m\" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912"},
        {"shm-size", "512g", "\"g\" is nothing in Kubernetes and GiB in docker; write 512Gi or 549755813888"},
        {"memory-max", "-1", "is negative; write a positive number, or leave it out"},
        {"memory-low", "-1", "is negative; write a positive number, or leave it out"},
        {"memory-swap-max", "max", "does not begin with a digit; write a whole number, or leave it out"},
        {"memory-high", "1.5Gi", "fractions are not accepted; write a whole number with a smaller unit"},
        {"shm-size", "64MB", "unknown unit \"MB\"; write bytes, or k, M, G, T (powers of 1000), Ki, Mi, Gi, Ti"},
        {"shm-size", "9223372036854775808", "is larger than 9223372036854775807; write less"},
        {"shm-size", "8388608Ti", "is larger than 9223372036854775807; write less"},
        {"pids-max", "1k", "has \"k\" after the number; write digits only"},
        {"pids-max", "4194305", "is more than the kernel takes; write at most 4194304"},
        {"pids-max", "max", "does not begin with a digit; write a whole number, or leave it out"},
        {"memory-oom-group", "1", "is neither \"true\" nor \"false\"; write one of them"},
        {"memory-oom-group", "", "is neither \"true\" nor \"false\"; write one of them"},
    });
}

TEST_CASE("an unknown key is a typing error, with the nearest known one") {
    check_refused({
        {"shmsize", "1", nearest("shm-size")},
        {"shm_size", "1", nearest("shm-size")},
        {"Shm-Size", "1", nearest("shm-size")},
        {"shm-size ", "1", nearest("shm-size")},
        {"memory-mx", "1", nearest("memory-max")},
        {"memory-hihg", "1", nearest("memory-high")},
        {"memory-lo", "1", nearest("memory-low")},
        {"memory-swapmax", "1", nearest("memory-swap-max")},
        {"memory.oom.group", "true", nearest("memory-oom-group")},
        {"pid-max", "1", nearest("pids-max")},
        {"pids-maxx/web", "1", nearest("pids-max")},
        {"shmsize/other", "1", nearest("shm-size")},
    });
    for (const std::string key : {"", "/", "/web", "x", "\xff", "cpu.max", "swap"}) {
        CHECK(refusal({{prefix + key, "1"}})
                  .what.ends_with("unknown annotation; bulkhead-annotations(7) lists those there are"));
    }
}

TEST_CASE("a key of any length is refused in a line of bounded length") {
    const auto error = refusal({{prefix + std::string(100'000, 'x'), std::string(100'000, 'v')}});
    CHECK(error.code == Code::invalid_annotation);
    CHECK(error.what.size() < 400);
    CHECK(error.what.starts_with(prefix + "xxx"));
}

TEST_CASE("what follows the slash must be a container's name") {
    check_refused({
        {"shm-size/", "1", no_name},
        {"shm-size/a/b", "1", no_name},
        {"shm-size/a b", "1", no_name},
        {"shm-size//", "1", no_name},
        {"shm-size/*", "1", no_name},
    });
    const auto key = prefix + "shm-size/" + std::string(254, 'n');
    CHECK(refusal({{key, "1"}}).what == key.substr(0, 128) + "=\"1\": " + no_name);
    const std::string longest(253, 'n');
    CHECK(!request({{prefix + "shm-size/" + longest, "1"}}, longest).empty());
}

TEST_CASE("the more specific key wins, in either order") {
    const Annotation bare{prefix + "shm-size", "1Mi"};
    const Annotation specific{prefix + "shm-size/web", "2Mi"};
    for (const auto& annotations : {std::vector{bare, specific}, std::vector{specific, bare}}) {
        const auto parsed = request(annotations);
        const auto& setting = parsed[Key::shm_size];
        REQUIRE(setting);
        CHECK(setting->value == 2U << 20U);
        CHECK(setting->for_one_container);
        CHECK(setting->annotation == specific.key);
        CHECK(setting->text == "2Mi");
        CHECK(request(annotations, "other")[Key::shm_size]->value == 1U << 20U);
        CHECK(!request(annotations, "other")[Key::shm_size]->for_one_container);
    }
}

TEST_CASE("keys for other containers are left out, but must be well formed") {
    CHECK(request({{prefix + "shm-size/other", "1Mi"}}).empty());
    CHECK(request({{prefix + "shm-size/we", "1Mi"}, {prefix + "shm-size/webx", "1"}, {prefix + "shm-size/Web", "1"}})
              .empty());
    check_refused({
        {"shm-size/other", "512m", "\"m\" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912"},
        {"shm-size/other", "0", zero},
        {"pids-max/other", "x", "does not begin with a digit; write a whole number, or leave it out"},
    });
}

TEST_CASE("a key for one container needs to know which one this is") {
    CHECK(request({{prefix + "shm-size", "1Mi"}}, std::nullopt)[Key::shm_size]);
    const auto error = refusal({{prefix + "shm-size/web", "1Mi"}}, std::nullopt);
    CHECK(error.code == Code::malformed_input);
    CHECK(error.what == prefix + "shm-size/web=\"1Mi\": the engine's annotations do not tell this container's name");
    CHECK(refusal({{prefix + "shm-size/web", "0"}}, std::nullopt).code == Code::invalid_annotation);
}

TEST_CASE("several keys at once, and the first bad one is told") {
    const auto parsed =
        request({{prefix + "memory-max", "1Gi"}, {prefix + "pids-max", "5"}, {prefix + "shm-size", "1"}});
    CHECK(parsed[Key::memory_max]->value == 1U << 30U);
    CHECK(parsed[Key::pids_max]->value == 5);
    CHECK(parsed[Key::shm_size]->value == 1);
    CHECK(!parsed[Key::memory_low]);
    CHECK(refusal({{prefix + "pids-max", "x"}, {prefix + "shm-size", "x"}}).what.starts_with(prefix + "pids-max="));
}

TEST_CASE("a setting explains an error and refuses with its key and value") {
    const auto parsed = request({{prefix + "shm-size/web", "64Mi"}});
    const auto& setting = *parsed[Key::shm_size];
    const auto refused = setting.refuse(Code::not_allowed, "too much");
    CHECK(refused.error().code == Code::not_allowed);
    CHECK(refused.error().what == "io.bulkhead.shm-size/web=\"64Mi\": too much");
    const auto explained = setting.explain({.code = Code::busy, .number = EBUSY, .what = "in use"});
    CHECK(explained.code == Code::busy);
    CHECK(explained.number == EBUSY);
    CHECK(explained.what == "io.bulkhead.shm-size/web=\"64Mi\": in use");
}

TEST_CASE("segments: one for each name, and the more specific key wins") {
    const std::string segment = prefix + "segment.";
    const auto parsed = request({{segment + "a", "path=/bare"},
                                 {segment + "a/web", "path=/specific"},
                                 {segment + "b/web", "path=/b,size=1Mi"},
                                 {segment + "b", "path=/never"},
                                 {segment + "c/other", "path=/c"}});
    REQUIRE(parsed.segments().size() == 2);
    CHECK(parsed.segments()[0].name == "a");
    CHECK(parsed.segments()[0].options.path == "/specific");
    CHECK(parsed.segments()[0].annotation == segment + "a/web");
    CHECK(parsed.segments()[0].for_one_container);
    CHECK(parsed.segments()[1].options.size == Bytes{1U << 20U});
    CHECK(!parsed.empty());
    CHECK(request({{segment + "c/other", "path=/c"}}).empty());
    CHECK(refusal({{segment + "c/other", "path=c"}}).code == Code::invalid_annotation);
    CHECK(refusal({{segment + "c/web", "path=/c"}}, std::nullopt).code == Code::malformed_input);
}

TEST_CASE("segments: bad names, values that are too long, too many") {
    const std::string segment = "segment.";
    for (const std::string name : {"", "NAME", "a.b", ".", "..", "-"}) {
        check_refused(
            {{segment + name, "path=/a",
              "\"" + name +
                  "\" is no name of a segment; write 1 to 43 of a-z, 0-9 and -, with a letter or digit at both "
                  "ends"}});
    }
    CHECK(refusal({{prefix + "segment", "path=/a"}}).what.contains(nearest("segment.NAME")));
    CHECK(refusal({{prefix + "segment.a", std::string(513, ' ')}}).what.ends_with("is longer than 512 characters"));
    CHECK(refusal({{prefix + "segment.a/b/c", "path=/a"}}).what.ends_with(no_name));
    std::vector<Annotation> many;
    for (int i = 0; i < 64; ++i) {
        many.push_back({prefix + segment + std::to_string(i), "path=/a"});
    }
    CHECK(request(many).segments().size() == 64);
    many.push_back({prefix + segment + "64/other", "path=/a"});
    CHECK(request(many).segments().size() == 64);
    many.push_back({prefix + segment + "65", "path=/a"});
    CHECK(refusal(many).what == prefix + "segment.65=\"path=/a\": is one segment too many; a container can have 64");
}
