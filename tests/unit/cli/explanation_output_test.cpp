// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/explanation_output.h"

#include "cli/printed.h"
#include "support/golden.h"
#include "support/node_config.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>

using namespace bulkhead;
using cli::Ground;
using Json = nlohmann::ordered_json;
using oci::Key;
using test::expect_golden;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

policy::ConfigReading reading_of(const std::string& config) {
    auto read = test::read_config_text(config);
    return {.config = std::move(read.config), .files = {"FILE"}, .problems = std::move(read.problems)};
}

void ask(Ground& ground, const std::string& name, const std::string& value) {
    ground.spec.annotations.push_back({.key = "io.bulkhead." + name, .value = value});
}

cli::Explanation explain(const Ground& ground, const std::string& config) {
    return cli::explain({.id = "c1", .bundle = "/bundle", .named = {}}, ground, reading_of(config));
}

std::string text_of(const cli::Explanation& explanation) { return test::text_of(cli::lines_of(explanation)); }

// One of everything.
cli::Explanation everything() {
    Ground ground;
    ground.ram = Bytes{8ULL << 30U};
    ground.confinement.pid = oci::PidNamespace::own;
    ground.spec.dev_shm = {.kind = oci::MountKind::tmpfs, .source = "", .size = "64m"};
    ground.spec.annotations = {{.key = "io.kubernetes.cri.sandbox-namespace", .value = "prod"},
                               {.key = "io.kubernetes.cri.container-name", .value = "web"}};
    ground.words.limits[static_cast<std::size_t>(Key::memory_max)] = 32 * mebibyte;
    ground.words.limits[static_cast<std::size_t>(Key::memory_swap_max)] = 0;
    ground.words.binds = {{.destination = "/etc/hosts", .source = "/run/hosts", .read_only = false}};
    ask(ground, "shm-size", "16Mi");
    ask(ground, "memory-max", "64Mi");
    ask(ground, "memory-oom-group", "true");
    ask(ground, "disk-size/web", "1Gi");
    ask(ground, "segment.x", "path=/mnt/x size=1Mi inodes=50 ro");
    ask(ground, "segment.feed", "path=/feed");
    return explain(ground, R"({"max":{"shm-size":"4Gi","segments-total":"1Gi"},"defaults":{"pids-max":4096},
        "rules":[{"namespace":"prod","max":{"disk-size":"2Gi"}}],"on-error":{"disk":"warn"},
        "segments":{"feed":{"writers":["*"],"keep":true}}})");
}

} // namespace

TEST_CASE("explain") {
    expect_golden("explain.txt", text_of(everything()));
    expect_golden("explain.json", test::text_of(cli::json_of(everything())));
}

TEST_CASE("the guard, in words") {
    const auto words = [](const std::string& config, std::optional<ledger::GuardRecord> record, bool free) {
        Ground ground;
        ground.confinement.pid = free ? oci::PidNamespace::host : oci::PidNamespace::own;
        ground.guard = std::move(record);
        ask(ground, "disk-size", "1Gi");
        for (const auto& line : cli::lines_of(explain(ground, config))) {
            if (line.starts_with("disk guard")) {
                return line.substr(std::string_view("disk guard        ").size());
            }
        }
        return std::string();
    };
    using Record = ledger::GuardRecord;
    const std::string required = R"({"disk":{"guard":"require"}})";
    CHECK(words(required, {}, false) ==
          "require: behind bulkhead-runtime the limit cannot be taken off from inside; else it can");
    CHECK(words("{}", {}, true) ==
          "auto: the limit could be taken off from inside, also behind bulkhead-runtime: it is "
          "in the host's pid namespace, and so are processes that are not guarded");
    CHECK(words("{}", Record{.put_up = true, .escapable = ""}, false) == "auto: the container runs behind it");
    CHECK(words("{}", Record{.put_up = false, .escapable = ""}, false) ==
          "auto: not needed: the limit holds without it");
    CHECK(words("{}", Record{.put_up = true, .escapable = "why"}, false) ==
          "auto: the limit can be taken off from inside: why");
    CHECK(words(R"({"disk":{"guard":"off"}})", {}, false) == "off: the limit stops accidents, not attackers");
    CHECK(words(R"({"disk":{"accounting-only":true}})", {}, false) == "not needed, as nothing is limited");
}

TEST_CASE("as JSON: sizes and counts are integers, and the members are always there") {
    const auto json = cli::json_of(everything());
    CHECK(json["schemaVersion"] == 1);
    CHECK(json["container"] == Json::parse(R"({"id":"c1","bundle":"/bundle","engine":"containerd","namespace":"prod",
        "name":"web","sandbox":false})"));
    CHECK(json["config"] == Json::parse(R"({"files":["FILE"],"sound":true})"));
    CHECK(json["rule"] == Json::parse(R"({"file":"FILE","path":"rules[0]"})"));
    CHECK(json["verdict"] == "limits");
    CHECK(json["refusal"].is_null());
    CHECK(json["keys"].size() == oci::key_count - 1);
    CHECK(json["keys"][0] == Json::parse(R"({"key":"shm-size","value":16777216,"effect":"set",
        "asked":{"text":"16Mi","annotation":"io.bulkhead.shm-size"},"engine":67108864,
        "maximum":{"value":4294967296,"origin":"max.shm-size in FILE"},"note":""})"));
    CHECK(json["keys"][1]["effect"] == "kept");
    CHECK(json["keys"][2] == Json::parse(R"({"key":"memory-high","value":null,"effect":"none","asked":null,
        "engine":null,"maximum":null,"note":""})"));
    CHECK(json["keys"][5]["value"] == true);
    CHECK(json["keys"][6]["asked"] == Json::parse(R"({"text":"4096","file":"FILE","path":"defaults.pids-max"})"));
    CHECK(json["segments"][0] == Json::parse(R"({"name":"x","place":"k8s/prod/x","path":"/mnt/x","size":1048576,
        "inodes":50,"readOnly":true,"exec":false,"declared":false,"keep":false,
        "asked":{"text":"path=/mnt/x size=1Mi inodes=50 ro","annotation":"io.bulkhead.segment.x"},
        "maximum":{"value":4294967296,"origin":"half of the node's RAM"},
        "total":{"value":1073741824,"origin":"max.segments-total in FILE"}})"));
    CHECK(json["disk"] ==
          Json::parse(R"({"guard":"auto","guarded":null,"escapable":null,"impliedInodes":true,"accountingOnly":false,
        "notCounted":[{"destination":"/etc/hosts","source":"/run/hosts","labelled":false}]})"));
    CHECK(json["onError"] == Json::parse(R"({"shm":"fail","cgroup":"fail","disk":"warn","segments":"fail"})"));
    CHECK(json["atStart"].size() == 4);
}

TEST_CASE("a refusal: its code, and the hook's line as the last one") {
    Ground ground;
    ask(ground, "shm-size", "512m");
    const auto refused = explain(ground, R"({"disks":{}})");
    const std::string line =
        R"(bulkhead: c1: io.bulkhead.shm-size="512m": "m" is milli in Kubernetes and MiB in docker; )"
        "write 512Mi or 536870912";
    expect_golden("explain-refused.txt", text_of(refused));
    CHECK(text_of(refused).ends_with("\n" + line + "\n"));
    expect_golden("explain-refused.json", test::text_of(cli::json_of(refused)));
    const auto json = cli::json_of(refused);
    CHECK(json["verdict"] == "refused");
    CHECK(json["refusal"] == Json{{"code", 64}, {"line", line}});
    for (const std::string list : {"keys", "segments", "atStart"}) {
        CHECK(json[list] == Json::array());
    }
    CHECK(json["disk"].is_null());
    CHECK(json["onError"].is_null());
    CHECK(json.size() == cli::json_of(everything()).size());
}

TEST_CASE("the last refusal of a container is said before what would become of it now") {
    auto refused = explain({}, R"({"disks":{}})");
    CHECK(cli::json_of(refused)["lastRefusal"].is_null());
    refused.last_refusal = {.id = "c1", .stage = "update", .code = 77, .line = "bulkhead: c1: why"};
    CHECK(cli::lines_of(refused).at(2) == "last refusal      77 at update: bulkhead: c1: why");
    CHECK(cli::json_of(refused)["lastRefusal"] ==
          Json::parse(R"({"stage":"update","code":77,"line":"bulkhead: c1: why"})"));
}

TEST_CASE("nothing: why") {
    const auto nothing = cli::explain({.id = "c1", .bundle = "/b", .named = {}}, {}, {});
    expect_golden("explain-nothing.txt", text_of(nothing));
    expect_golden("explain-nothing.json", test::text_of(cli::json_of(nothing)));
    CHECK(cli::json_of(nothing)["verdict"] == "nothing");
    CHECK(cli::json_of(nothing)["container"]["namespace"] == "@local");
}

TEST_CASE("who cannot be told from what a tenant wrote has no namespace here") {
    Ground ground;
    ground.spec.annotations = {{.key = "io.kubernetes.cri.sandbox-namespace", .value = "prod"},
                               {.key = "io.kubernetes.cri-o.Name", .value = "x"}};
    ask(ground, "pids-max", "5");
    const auto json = cli::json_of(explain(ground, "{}"));
    CHECK(json["refusal"]["code"] == 77);
    CHECK(json["container"] == Json::parse(R"({"id":"c1","bundle":"/bundle","engine":null,"namespace":null,
        "name":null,"sandbox":false})"));
}

TEST_CASE("a state that is malformed names no container") {
    const auto lines =
        cli::lines_of(cli::explain_unread({}, {.code = Code::malformed_input, .what = "status is missing"}, {}));
    REQUIRE(lines.size() == 3);
    CHECK(lines[2] == "bulkhead: status is missing");
}
