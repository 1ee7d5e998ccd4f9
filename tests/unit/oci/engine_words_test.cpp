// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/engine_words.h"

#include "support/fixture.h"

#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;
using oci::Key;
using oci::parse_kernel_size;
using oci::read_engine_words;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

// "memory-max=1 pids-max=2": what is limited.
std::string limits(const std::string& resources) {
    const auto words = read_engine_words(R"({"linux":{"resources":)" + resources + "}}");
    std::string text;
    for (const auto& info : oci::annotation_keys) {
        if (const auto& limit = words.limit(info.key)) {
            text.append(text.empty() ? "" : " ").append(info.name).append("=").append(std::to_string(*limit));
        }
    }
    return text;
}

} // namespace

TEST_CASE("linux.resources: what is 0, below or left out is no limit") {
    CHECK(limits("{}") == "");
    CHECK(limits(R"({"memory":{"limit":64},"pids":{"limit":5}})") == "memory-max=64 pids-max=5");
    CHECK(limits(R"({"memory":{"limit":-1,"reservation":0},"pids":{"limit":-1}})") == "");
    CHECK(limits(R"({"memory":{"limit":0,"swap":-1},"pids":{"limit":0}})") == "");
    CHECK(limits(R"({"memory":{"reservation":32}})") == "memory-low=32");
}

TEST_CASE("memory.swap is both together") {
    CHECK(limits(R"({"memory":{"limit":64,"swap":64}})") == "memory-max=64 memory-swap-max=0");
    CHECK(limits(R"({"memory":{"limit":64,"swap":100}})") == "memory-max=64 memory-swap-max=36");
    CHECK(limits(R"({"memory":{"limit":64,"swap":-1}})") == "memory-max=64");
    CHECK(limits(R"({"memory":{"swap":100}})") == "");
    CHECK(limits(R"({"memory":{"limit":64,"swap":10}})") == "memory-max=64"); // no runtime takes it
}

TEST_CASE("unified is cgroup v2's own files, and comes last") {
    CHECK(limits(R"({"memory":{"limit":64},"unified":{"memory.max":"32","memory.high":"1k","memory.low":"0",
        "memory.swap.max":"7","memory.oom.group":"1","pids.max":"9","cpu.max":"x"}})") ==
          "memory-max=32 memory-high=1024 memory-low=0 memory-swap-max=7 memory-oom-group=1 pids-max=9");
    CHECK(limits(R"({"memory":{"limit":64},"unified":{"memory.max":"max"}})") == "");
    CHECK(limits(R"({"unified":{"pids.max":5}})") == ""); // must be a string
}

TEST_CASE("what is malformed is left out") {
    for (const std::string text : {"", "[]", "{", R"({"linux":[]})", R"({"linux":{"resources":5}})", R"({"mounts":{}})",
                                   R"({"mounts":[5,{"options":"bind"},{"options":[5]}]})"}) {
        CAPTURE(text);
        const auto words = read_engine_words(text);
        CHECK(!words.limit(Key::memory_max));
        CHECK(words.binds.empty());
    }
    CHECK(limits(R"({"memory":{"limit":"64"},"pids":{"limit":5.5}})") == "");
    CHECK(limits(R"({"memory":{"limit":99999999999999999999}})") == "");
}

TEST_CASE("binds, and no other mounts") {
    const auto words = read_engine_words(R"({"mounts":[{"destination":"/proc","type":"proc","source":"proc"},
        {"destination":"/etc/hosts","type":"bind","source":"/run/hosts","options":["rprivate","bind"]},
        {"destination":"/data","source":"/srv","options":["rbind","ro"]},
        {"destination":"/x","source":"/y","options":["bind","rro"]},
        {"destination":"/z","type":"bind","source":"/y","options":["ro"]}]})");
    REQUIRE(words.binds.size() == 3);
    CHECK(words.binds[0].destination == "/etc/hosts");
    CHECK(words.binds[0].source == "/run/hosts");
    CHECK(!words.binds[0].read_only);
    CHECK(words.binds[1].destination == "/data");
    CHECK(words.binds[1].read_only);
    CHECK(words.binds[2].read_only);
}

TEST_CASE("numbers as the kernel takes them") {
    CHECK(parse_kernel_size("65536k") == 64 * mebibyte);
    CHECK(parse_kernel_size("64m") == 64 * mebibyte);
    CHECK(parse_kernel_size("64M") == 64 * mebibyte);
    CHECK(parse_kernel_size("0") == 0);
    CHECK(parse_kernel_size("1e") == 1ULL << 60U);
    CHECK(parse_kernel_size("18446744073709551615") == UINT64_MAX);
    for (const std::string text : {"", "k", "50%", "64Mi", "-1", "1x", "max", "16e", "1.5m", " 1", "@", "1\x0b"}) {
        CAPTURE(text);
        CHECK(!parse_kernel_size(text));
    }
}

TEST_CASE("what podman writes") {
    const auto words = read_engine_words(test::fixture("config-podman-4.3.1-crun-cgroupfs.json"));
    CHECK(words.limit(Key::memory_max) == 64 * mebibyte);
    CHECK(words.limit(Key::memory_swap_max) == 64 * mebibyte);
    CHECK(words.limit(Key::pids_max) == 100);
    CHECK(words.binds.size() == 4);
}
