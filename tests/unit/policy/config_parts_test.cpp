// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_parts.h"

#include "runtime/policy/config_terms.h"
#include "support/node_config.h"
#include "support/temporary_directory.h"

#include <cctype>
#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;
using policy::Guard;
using policy::parse_size;
using test::read_config_text;
using test::sound_config;

namespace {

// All that is wrong, a line each: "PATH: REASON".
std::string problems(const std::string& text) {
    std::string lines;
    for (const auto& problem : read_config_text(text).problems) {
        CHECK(problem.file == "FILE");
        CHECK(problem.error().code == Code::bad_config);
        CHECK(problem.error().what == "FILE: " + problem.path + " " + problem.reason);
        lines.append(lines.empty() ? "" : "\n").append(problem.path).append(": ").append(problem.reason);
    }
    return lines;
}

} // namespace

TEST_CASE("an empty config is the defaults") {
    for (const std::string text : {"{}", R"({"disk":{},"cgroup":{},"rules":[],"max":{},"runtime":null})"}) {
        const auto config = sound_config(text);
        CHECK(config.disk.first_id == 1073741824);
        CHECK(config.disk.last_id == 2147483647);
        CHECK(config.disk.guard == Guard::automatic);
        CHECK(config.disk.implied_inodes);
        CHECK(!config.disk.accounting_only);
        CHECK(!config.disk.enable_enforcement);
        CHECK(!config.disk.label_engine_files);
        CHECK(!config.cgroup.allow_raise);
        CHECK(!config.has_defaults());
        CHECK(config.max.empty());
        CHECK(!config.on_error.warns(oci::Resource::disk));
        CHECK((config.runtime.path == std::vector<std::string>{"runc", "crun"}));
        CHECK(config.runtime.hook == "/usr/libexec/oci/hooks.d/bulkhead-hook");
    }
}

TEST_CASE("every member of disk, cgroup, on-error and runtime") {
    const auto config = sound_config(R"({"disk":{"project-ids":[1,4294967294],"implied-inodes":false,"guard":"require",
        "accounting-only":true,"enable-enforcement":true,"label-engine-files":true},"cgroup":{"allow-raise":true},
        "on-error":{"shm":"warn","segments":"fail","disk":"warn","cgroup":"fail"},
        "runtime":{"path":["/usr/bin/crun","runc"],"hook":"/opt/hook"}})");
    CHECK(config.disk.first_id == 1);
    CHECK(config.disk.last_id == 4294967294);
    CHECK(config.disk.guard == Guard::require);
    CHECK(!config.disk.implied_inodes);
    CHECK(config.disk.accounting_only);
    CHECK(config.disk.enable_enforcement);
    CHECK(config.disk.label_engine_files);
    CHECK(config.cgroup.allow_raise);
    CHECK(config.on_error.warns(oci::Resource::shm));
    CHECK(!config.on_error.warns(oci::Resource::segment));
    CHECK(config.on_error.warns(oci::Resource::disk));
    CHECK(!config.on_error.warns(oci::Resource::cgroup));
    CHECK((config.runtime.path == std::vector<std::string>{"/usr/bin/crun", "runc"}));
    CHECK(config.runtime.hook == "/opt/hook");
    CHECK(sound_config(R"({"disk":{"guard":"off"}})").disk.guard == Guard::off);
}

TEST_CASE("declared segments") {
    const auto config = sound_config(R"({"segments":{"b":{"size":"25%","readers":["*"]},
        "a":{"size":"2Gi","writers":["feed","x?"],"readers":["@local"],"keep":true,"exec":true},"c":{"size":4096,"writers":["*"]}}})");
    REQUIRE(config.segments.size() == 3);
    const auto& a = config.segments[0];
    CHECK(a.name == "a");
    CHECK(a.size->of(Bytes{1}) == 2147483648);
    CHECK((a.writers == std::vector<std::string>{"feed", "x?"}));
    CHECK((a.readers == std::vector<std::string>{"@local"}));
    CHECK(a.keep);
    CHECK(a.exec);
    const auto& b = config.segments[1];
    CHECK(b.size->of(Bytes{1000}) == 250);
    CHECK(!b.keep);
    CHECK(!b.exec);
    CHECK(config.segments[2].size->of(Bytes{1}) == 4096);
}

TEST_CASE("a share is of the RAM, rounded down") {
    const auto share = [](const std::string& text) { return parse_size({"\"" + text + "\"", "x"}); };
    CHECK(share("1%")->of(Bytes{250}) == 2);
    CHECK(share("100%")->of(Bytes{8ULL << 30U}) <= 8ULL << 30U);
    CHECK(share("50%")->of(Bytes{UINT64_MAX}) == UINT64_MAX / 100 * 50); // no overflow
}

TEST_CASE("sizes that are none") {
    const auto size = [](const std::string& json) {
        const auto parsed = parse_size({json, "x"});
        CHECK((parsed || parsed.error().code == Code::bad_config || parsed.error().code == Code::invalid_annotation));
        return parsed ? "" : parsed.error().what;
    };
    for (const std::string json : {R"("0%")", R"("101%")", R"("%")", R"("1.5%")", R"("-1%")"}) {
        CHECK(size(json) == R"(is no share; write "1%" to "100%")");
    }
    for (const std::string json : {"0", "-1", "true", "{}", "9223372036854775808", "null"}) {
        CHECK(size(json) == R"(is no size; write "2Gi", bytes, or a share of RAM, "25%")");
    }
    CHECK(size(R"("0")") == "is 0; write more");
    CHECK(size(R"("2g")") == R"("g" is nothing in Kubernetes and GiB in docker; write 2Gi or 2147483648)");
    CHECK(size("9223372036854775807") == "");
}

TEST_CASE("declared segments that are none") {
    const auto segment = [](const std::string& members) { return problems(R"({"segments":{"a":)" + members + "}}"); };
    CHECK(problems(R"({"segments":[]})") == "segments: is not an object");
    CHECK(problems(R"({"segments":{"A":{}}})") ==
          "segments.A: is no name of a segment; write 1 to 43 of a-z, 0-9 and -");
    CHECK(segment("5") == "segments.a: is not an object");
    CHECK(segment("{}") == "segments.a: has neither readers nor writers, so nobody could join it");
    CHECK(segment(R"({"writers":"x","readers":["y"]})") == "segments.a.writers: is not an array");
    CHECK(segment(R"({"writers":[1]})") == "segments.a.writers[0]: is not a string");
    CHECK(segment(R"({"writers":["X"]})") == "segments.a.writers[0]: matches no namespace; write a-z, 0-9 and -, \"*\" "
                                             "and \"?\", or \"@local\"");
    CHECK(segment(R"({"writers":["x"],"keep":1})") == "segments.a.keep: is neither true nor false");
    CHECK(segment(R"({"writers":["x"],"path":"/x"})") == "segments.a.path: is not known to this version");
    CHECK(segment(R"({"writers":["x"],"writer":["y"]})") ==
          R"(segments.a.writer: is not known to this version; the nearest that is known is "writers")");
    CHECK(segment(R"({"writers":["x"],"size":"0"})") == "segments.a.size: is 0; write more");
}

TEST_CASE("a bad config, with the place and the reason") {
    CHECK(problems(R"({"disks":{}})") == R"(disks: is not known to this version; the nearest that is known is "disk")");
    CHECK(problems(R"({"xyzzy":{}})") == "xyzzy: is not known to this version");
    CHECK(problems(R"({"disk":5})") == "disk: is not an object");
    CHECK(problems(R"({"disk":{"projectIds":[1,2]}})") ==
          R"(disk.projectIds: is not known to this version; the nearest that is known is "project-ids")");
    CHECK(problems(R"({"disk":{"accounting-only":"true"}})") == "disk.accounting-only: is neither true nor false");
    CHECK(problems(R"({"disk":{"project-ids":[1]}})") ==
          "disk.project-ids: is not two numbers, the first and the last id");
    CHECK(problems(R"({"disk":{"project-ids":7}})") == "disk.project-ids: is not an array");
    CHECK(problems(R"({"disk":{"project-ids":[0,1]}})") ==
          "disk.project-ids[0]: is no project id; write 1 to 4294967294");
    CHECK(problems(R"({"disk":{"project-ids":[1,4294967295]}})") ==
          "disk.project-ids[1]: is no project id; write 1 to 4294967294");
    CHECK(problems(R"({"disk":{"project-ids":[9,8]}})") == "disk.project-ids: has a first id above the last one");
    CHECK(test::read_config_text(R"({"disk":{"project-ids":[9,8]}})").config.disk == policy::DiskConfig{});
    CHECK(problems(R"({"disk":{"guard":"on"}})") == R"(disk.guard: is none of "auto", "require" and "off")");
    CHECK(problems(R"({"disk":{"guard":true}})") == R"(disk.guard: is none of "auto", "require" and "off")");
    CHECK(problems(R"({"on-error":{"shm":"ignore"}})") == R"(on-error.shm: is neither "fail" nor "warn")");
    CHECK(problems(R"({"on-error":{"segment":"warn"}})") ==
          R"(on-error.segment: is not known to this version; the nearest that is known is "segments")");
    CHECK(problems(R"({"runtime":{"path":[]}})") ==
          "runtime.path: is no list of runtimes; write names to look up in PATH, or absolute paths");
    CHECK(problems(R"({"runtime":{"path":["bin/runc"]}})") ==
          "runtime.path: is no list of runtimes; write names to look up in PATH, or absolute paths");
    CHECK(problems(R"({"runtime":{"hook":"hook"}})") == "runtime.hook: is no absolute path");
    CHECK(problems(R"({"cgroup":{"allow-raise":1}})") == "cgroup.allow-raise: is neither true nor false");
}

TEST_CASE("all problems are found, and what is sound is read all the same") {
    const auto read = read_config_text(R"({"defaults":{"pids-max":5},"disk":{"guard":"no","implied-inodes":false},
        "max":{"shm-size":"x","memory-max":"1Gi"}})");
    CHECK(read.problems.size() == 2);
    CHECK(read.config.has_defaults());
    CHECK(!read.config.disk.implied_inodes);
    CHECK(read.config.max[oci::Key::memory_max]->size.value == 1U << 30U);
}

TEST_CASE("the list of members is that of the tables") {
    const auto members = policy::config_members();
    for (const std::string name : {"max", "defaults.pids-max", "max.segments-total", "rules[].namespace",
                                   "rules[].max.segment-size", "rules[].defaults.memory-oom-group", "disk.guard",
                                   "segments.NAME.exec", "on-error.segments", "runtime.hook", "cgroup.allow-raise"}) {
        CAPTURE(name);
        CHECK(std::ranges::count(members, name) == 1);
    }
    CHECK(std::ranges::count(members, "max.memory-oom-group") == 0);
    CHECK(std::ranges::count(members, "defaults.segment.NAME") == 0);
}

TEST_CASE("the manual page has every member") {
    const auto page = test::read_file(BULKHEAD_CONFIG_MAN_PAGE);
    for (const auto& member : policy::config_members()) {
        if (member.contains("defaults.")) {
            continue; // it says "the annotations' names"
        }
        CAPTURE(member);
        const bool part = !member.contains('.'); // has a heading
        std::string heading = "\n# " + member + "\n";
        std::ranges::transform(heading, heading.begin(), [](unsigned char c) { return std::toupper(c); });
        CHECK(page.contains(part ? heading : "*" + member.substr(member.rfind('.') + 1) + "*"));
    }
}
