// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/update.h"

#include "support/words.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace bulkhead;
using namespace bulkhead::shim;
using test::Words;

namespace {

struct Row {
    std::string text;
    std::string expected;
};

std::string clamped(const std::string& text, const Promised& promised) {
    const auto result = clamp_resources(text, promised);
    if (!result) {
        return "error " + std::to_string(static_cast<int>(result.error().code)) + ": " + result.error().what;
    }
    CHECK(nlohmann::json::accept(*result));
    CHECK(clamp_resources(*result, promised).value() == *result);
    return *result;
}

void check(const std::vector<Row>& table, const Promised& promised) {
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(clamped(row.text, promised) == row.expected);
    }
}

std::string memory(const std::string& members) { return R"({"memory":{)" + members + "}}"; }

// The words behind "runc update", or the error.
std::string clamped_words(const std::string& words, const Promised& promised, Dialect dialect = Dialect::runc) {
    const Words line("runc update " + words);
    const auto invocation = parse_command_line(line.pointers(), dialect);
    REQUIRE(invocation.command == Command::update);
    const auto result = clamp_arguments(line.pointers(), invocation, promised);
    if (!result) {
        return "error " + std::to_string(static_cast<int>(result.error().code)) + ": " + result.error().what;
    }
    std::string all;
    for (std::size_t i = 2; i < result->size(); ++i) {
        all += (i == 2 ? "" : " ") + (*result)[i];
    }
    return all;
}

const std::string lifted =
    "error 77: this update would lift the limit of the container's swap (memory-swap-max): its memory has no limit; "
    "give a number for it";
const std::string unknown =
    "error 77: this update would lift the limit of the container's swap (memory-swap-max): give the memory limit with "
    "it";

} // namespace

TEST_CASE("nothing promised, nothing changed") {
    for (const std::string text : {"{}", " {\"memory\":{\"limit\":-1,\"swap\":-1},\"pids\":{\"limit\":0}}\n",
                                   R"({"memory":5,"unified":{"memory.max":"max"}})"}) {
        CHECK(clamped(text, {}) == text);
    }
    CHECK(clamped("", {}) == "error 65: JSON is not an object");
    CHECK(clamped("{} x", {}) == "error 65: JSON has something after its end");
}

TEST_CASE("the memory limit") {
    check(
        {
            {"{}", "{}"},
            {"{\"memory\":null}", "{\"memory\":null}"},
            {memory(""), memory("")},
            {memory(R"("limit":null)"), memory(R"("limit":null)")},
            {memory(R"("limit": 999 )"), memory(R"("limit": 999 )")},
            {memory(R"("limit":1000)"), memory(R"("limit":1000)")},
            {memory(R"("limit":1001)"), memory(R"("limit":1000)")},
            {memory(R"("limit":9223372036854775807)"), memory(R"("limit":1000)")},
            {memory(R"("limit":-1)"), memory(R"("limit":1000)")},
            {memory(R"("limit":-2)"), memory(R"("limit":1000)")},
            // docker says so with every update of something else; runc leaves it as it is.
            {memory(R"("limit":0)"), memory(R"("limit":0)")},
            {memory(R"("limit":0,"swap":5)"), memory(R"("limit":1000,"swap":5)")},
            {memory(R"( "limit" :5000,"reservation":1e3,"swap":-1)"),
             memory(R"( "limit" :1000,"reservation":1e3,"swap":-1)")},
            {memory(R"("limit":9223372036854775808)"), "error 65: memory.limit is not an integer, or out of range"},
            {memory(R"("limit":1e9)"), "error 65: memory.limit is not an integer, or out of range"},
            {memory(R"("limit":"5")"), "error 65: memory.limit is not an integer, or out of range"},
            {memory(R"("limit":5,"limit":6)"), "error 65: memory has the key \"limit\" twice"},
            {"{\"memory\":[]}", "error 65: memory is not an object"},
        },
        {.memory = 1000});
}

TEST_CASE("swap: memory and swap together may be the memory limit of the request and the promised swap") {
    check(
        {
            {"{}", "{}"},
            {memory(R"("limit":1000,"swap":1100)"), memory(R"("limit":1000,"swap":1100)")},
            {memory(R"("limit":1000,"swap":1101)"), memory(R"("limit":1000,"swap":1100)")},
            {memory(R"("limit":1000,"swap":-1)"), memory(R"("limit":1000,"swap":1100)")},
            {memory(R"("limit":1000,"swap":1000)"), memory(R"("limit":1000,"swap":1000)")},
            {memory(R"("limit":1000,"swap":0)"), memory(R"("limit":1000,"swap":0)")},
            // A smaller memory limit with what was right before would let 600 be swapped.
            {memory(R"("limit":500,"swap":1100)"), memory(R"("limit":500,"swap":600)")},
            // runc 1.2 and later would take the memory limit off the swap that it has stored.
            {memory(R"("limit":500)"), memory(R"("limit":500,"swap":600)")},
            {memory(R"("limit":500,"swap":null)"), memory(R"("limit":500,"swap":600)")},
            {memory(R"("limit":9223372036854775807,"swap":-1)"),
             memory(R"("limit":9223372036854775807,"swap":9223372036854775807)")},
            // runc takes a lifted memory limit for a lifted swap limit.
            {memory(R"("limit":-1)"), lifted},
            {memory(R"("limit":-1,"swap":0)"), lifted},
            {memory(R"("limit":-1,"swap":-1)"), lifted},
            {memory(R"("limit":-1,"swap":50)"), lifted},
            // Without the memory limit nobody knows how much of it is swap.
            {memory(R"("swap":100)"), memory(R"("swap":100)")},
            {memory(R"("swap":0)"), memory(R"("swap":0)")},
            {memory(R"("swap":101)"), unknown},
            {memory(R"("swap":-1)"), unknown},
            {memory(R"("swap":-5,"limit":0)"), unknown},
            {memory(R"("limit":0)"), memory(R"("limit":0)")},
            {memory(R"("limit":-0,"swap":0)"), memory(R"("limit":-0,"swap":0)")},
            {memory(R"("reservation":5)"), memory(R"("reservation":5)")},
        },
        {.swap = 100});
    check({{memory(R"("limit":1000)"), memory(R"("limit":1000,"swap":1000)")},
           {memory(R"("limit":1000,"swap":2000)"), memory(R"("limit":1000,"swap":1000)")}},
          {.swap = 0});
}

TEST_CASE("memory and swap, both promised") {
    check(
        {
            {memory(R"("limit":-1,"swap":-1)"), memory(R"("limit":1000,"swap":1100)")},
            {memory(R"("swap":5000,"limit":5000)"), memory(R"("swap":1100,"limit":1000)")},
            {memory(R"("limit":0)"), memory(R"("limit":0)")},
            {memory(R"("limit":0,"swap":0)"), memory(R"("limit":0,"swap":0)")},
            {memory(R"("limit":0,"swap":-1)"), memory(R"("limit":1000,"swap":1100)")},
            {memory(R"("limit":400,"swap":450)"), memory(R"("limit":400,"swap":450)")},
            {memory(R"("swap":1100)"), unknown},
        },
        {.memory = 1000, .swap = 100});
}

TEST_CASE("pids") {
    const auto pids = [](const std::string& limit) { return R"({"pids":{"limit":)" + limit + "}}"; };
    check(
        {
            {"{}", "{}"},
            {"{\"pids\":{}}", "{\"pids\":{}}"},
            {"{\"pids\":null}", "{\"pids\":null}"},
            {pids("null"), pids("null")},
            {pids("10"), pids("10")},
            {pids("11"), pids("10")},
            {pids("-1"), pids("10")},
            {pids("0"), pids("10")},
            {pids("x"), "error 65: pids.limit is not an integer, or out of range"},
            {"{\"pids\":5}", "error 65: pids is not an object"},
        },
        {.pids = 10});
}

TEST_CASE("files of cgroup v2") {
    const auto file = [](const std::string& name, const std::string& value) {
        return R"({"unified":{")" + name + "\": " + value + "}}";
    };
    const Promised promised{
        .memory = 1000, .swap = 0, .pids = 10, .unified = {{"memory.high", 900}}, .oom_group = true};
    check(
        {
            {"{\"unified\":{}}", "{\"unified\":{}}"},
            {"{\"unified\":null}", "{\"unified\":null}"},
            {file("memory.max", "\"1000\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"0999\""), file("memory.max", "\"0999\"")},
            {file("memory.max", "\"1001\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"max\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"1G\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"0x9\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"99\\n\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"-5\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "\"99999999999999999999999\""), file("memory.max", "\"1000\"")},
            {file("memory.max", "7"), file("memory.max", "\"1000\"")},
            {file("memory.max", "null"), file("memory.max", "null")},
            {file("memory.high", "\"max\""), file("memory.high", "\"900\"")},
            {file("memory.high", "\"899\""), file("memory.high", "\"899\"")},
            {file("memory.swap.max", "\"1\""), file("memory.swap.max", "\"0\"")},
            {file("pids.max", "\"max\""), file("pids.max", "\"10\"")},
            {file("memory.oom.group", "\"0\""), file("memory.oom.group", "\"1\"")},
            {file("memory.oom.group", "\"1\""), file("memory.oom.group", "\"1\"")},
            {file("memory.oom.group", "\"2\""), file("memory.oom.group", "\"1\"")},
            {file("memory.low", "\"max\""), file("memory.low", "\"max\"")},
            {file("cpu.weight", "\"9999\""), file("cpu.weight", "\"9999\"")},
            {"{\"unified\":[]}", "error 65: unified is not an object"},
        },
        promised);
}

// containerd 1.7.24, pkg/cri/opts WithResources: UpdateContainerResources for the CPU manager sends all of its own
// spec.
TEST_CASE("the kubelet's update, as containerd sends it") {
    const auto sent = [](const std::string& limits) {
        return R"({"devices":[{"allow":false,"access":"rwm"}],)" + limits +
               R"("cpu":{"shares":1024,"quota":100000,"period":100000,"cpus":"2-3"},"hugepageLimits":[{"pageSize":"2MB",)"
               R"("limit":0}],"unified":{"memory.oom.group":"1","memory.swap.max":"0"}})"
               "\n";
    };
    const auto equal = sent(R"("memory":{"limit":2147483648,"swap":2147483648},)");
    CHECK(clamped(equal, {.memory = 4294967296, .swap = 0, .pids = 512}) == equal);
    CHECK(clamped(equal, {.memory = 1073741824, .swap = 0, .pids = 512}) ==
          sent(R"("memory":{"limit":1073741824,"swap":1073741824},)"));
    CHECK(clamped(equal, {.memory = 1073741824}) == sent(R"("memory":{"limit":1073741824,"swap":2147483648},)"));
    const auto unlimited = sent(R"("memory":{},)");
    CHECK(clamped(unlimited, {.memory = 5, .swap = 5, .pids = 5}) == unlimited);
    const auto pids = sent(R"("memory":{},"pids":{"limit":0},)");
    CHECK(clamped(pids, {.pids = 512}) == sent(R"("memory":{},"pids":{"limit":512},)"));
}

TEST_CASE("limits as options") {
    const std::vector<Row> table{
        {"c1", "c1"},
        {"--cpu-share 5 c1", "--cpu-share 5 c1"},
        {"--memory 512 --pids-limit 5 c1", "--memory 512 --pids-limit 5 c1"},
        {"--memory 1k c1", "--memory 1k c1"},
        {"--memory=1KiB c1", "--memory=1KiB c1"},
        {"--memory 1025 c1", "--memory 1024 c1"},
        {"--memory=1025b c1", "--memory=1024 c1"},
        {"--memory 1.5k c1", "--memory 1024 c1"},
        {"--memory .5k c1", "error 65: --memory \".5k\" is no number that the shim can read; write digits"},
        {"--memory 0.5k c1", "--memory 0.5k c1"},
        {"--memory 1.000000000000000000000001k c1", "--memory 1.000000000000000000000001k c1"},
        {"--memory 1.001k c1", "--memory 1024 c1"},
        {"--memory 1G c1", "--memory 1024 c1"},
        {"--memory 1tb c1", "--memory 1024 c1"},
        {"--memory 8191p c1", "--memory 1024 c1"},
        {"--memory -1 c1", "--memory 1024 c1"},
        {"--memory=-1 c1", "--memory=1024 c1"},
        {"-memory -1 c1", "-memory 1024 c1"},
        {"--memory 0 c1", "--memory 0 c1"},
        {"--memory= c1", "--memory= c1"},
        {"--memory 5 --memory=-1 c1", "--memory 5 --memory=1024 c1"},
        {"--memory -1 --memory=5 c1", "--memory -1 --memory=5 c1"}, // the last one counts
        {"--pids-limit -1 c1", "--pids-limit 10 c1"},
        {"--pids-limit=11 --memory=2k c1", "--pids-limit=10 --memory=1024 c1"},
        {"c1 --pids-limit 99", "c1 --pids-limit 10"},
        {"--memory-swap -1 c1", "--memory-swap -1 c1"}, // no swap is promised
        {"--memory-reservation -1 c1", "--memory-reservation -1 c1"},
        {"--memory -1 -r F c1", "--memory -1 -r F c1"}, // the file counts
        {"--memory -2 c1", "error 65: --memory \"-2\" is no number that the shim can read; write digits"},
        {"--memory 8192p c1", "error 65: --memory \"8192p\" is no number that the shim can read; write digits"},
        {"--memory 1e9 c1", "error 65: --memory \"1e9\" is no number that the shim can read; write digits"},
        {"--memory 1.2.3 c1", "error 65: --memory \"1.2.3\" is no number that the shim can read; write digits"},
        {"--memory 5kbb c1", "error 65: --memory \"5kbb\" is no number that the shim can read; write digits"},
        {"--memory max c1", "error 65: --memory \"max\" is no number that the shim can read; write digits"},
        {"--pids-limit 0x10 c1", "error 65: --pids-limit \"0x10\" is no number that the shim can read; write digits"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(clamped_words(row.text, {.memory = 1024, .pids = 10}) == row.expected);
        CHECK(clamped_words(row.text, {}) == row.text);
    }
    CHECK(clamped_words("--memo=-1 --pids-l 99 c1", {.pids = 10}, Dialect::crun) == "--memo=-1 --pids-l 10 c1");
}

TEST_CASE("swap as an option") {
    const std::vector<Row> table{
        {"--memory 1000 --memory-swap 1100 c1", "--memory 1000 --memory-swap 1100 c1"},
        {"--memory 1000 --memory-swap -1 c1", "--memory 1000 --memory-swap 1100 c1"},
        {"--memory-swap=2k --memory=1k c1", "--memory-swap=1124 --memory=1k c1"},
        {"--memory 500 c1", "--memory 500 --memory-swap=600 c1"},
        {"--pids-limit 5 --memory=500 --cpu-share 5 c1",
         "--pids-limit 5 --memory=500 --memory-swap=600 --cpu-share 5 c1"},
        {"c1 --memory 500", "c1 --memory 500 --memory-swap=600"},
        {"--memory 500 --memory-swap= c1", "--memory 500 --memory-swap=600 c1"},
        {"--memory 500 --memory-swap 0 c1", "--memory 500 --memory-swap 0 c1"},
        {"--memory -1 c1", lifted},
        {"--memory-swap -1 c1", unknown},
        {"--memory-swap 100 c1", "--memory-swap 100 c1"},
        {"--pids-limit 5 c1", "--pids-limit 5 c1"},
        {"--memory-swap x c1", "error 65: --memory-swap \"x\" is no number that the shim can read; write digits"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(clamped_words(row.text, {.swap = 100}) == row.expected);
    }
}

TEST_CASE("resources from stdin in place of a file") {
    const auto from_stdin = [](const std::string& line, Dialect dialect) {
        const Words words(line);
        std::string all;
        for (const auto& word : resources_from_stdin(words.pointers(), parse_command_line(words.pointers(), dialect))) {
            all += (all.empty() ? "" : " ") + word;
        }
        return all;
    };
    const std::vector<Row> table{
        {"runc update --resources /tmp/f c1", "runc update --resources - c1"},
        {"runc --root R update --resources=/tmp/f c1", "runc --root R update --resources=- c1"},
        {"runc update -r f --resources g c1", "runc update -r f --resources - c1"},
        {"runc update -r - c1", "runc update -r - c1"},
        {"runc update --memory 5 c1", "runc update --memory 5 c1"},
    };
    for (const auto& row : table) {
        CHECK(from_stdin(row.text, Dialect::runc) == row.expected);
        CHECK(from_stdin(row.text, Dialect::crun) == row.expected);
    }
    CHECK(from_stdin("crun update -rf c1", Dialect::crun) == "crun update -r- c1");
}
