// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config.h"

#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;
using policy::parse_config;

namespace {

std::string refusal(const std::string& text) {
    const auto config = parse_config(text);
    if (!config) {
        CHECK(config.error().code == Code::bad_config);
    }
    return config ? "" : config.error().what;
}

} // namespace

TEST_CASE("an empty config is the defaults") {
    for (const std::string text : {"{}", R"({"disk":{}})"}) {
        const auto config = parse_config(text);
        REQUIRE(config);
        CHECK(config->disk.first_id == 1073741824);
        CHECK(config->disk.last_id == 2147483647);
        CHECK(config->disk.implied_inodes);
        CHECK(!config->disk.accounting_only);
        CHECK(!config->disk.enable_enforcement);
        CHECK(!config->disk.label_engine_files);
    }
}

TEST_CASE("every member of disk") {
    const auto config = parse_config(R"({"disk":{"project-ids":[1,4294967294],"implied-inodes":false,
        "accounting-only":true,"enable-enforcement":true,"label-engine-files":true}})");
    REQUIRE(config);
    CHECK(config->disk.first_id == 1);
    CHECK(config->disk.last_id == 4294967294);
    CHECK(!config->disk.implied_inodes);
    CHECK(config->disk.accounting_only);
    CHECK(config->disk.enable_enforcement);
    CHECK(config->disk.label_engine_files);
}

TEST_CASE("declared segments") {
    const auto config = parse_config(R"({"segments":{"b":{"size":"25%","readers":["*"]},
        "a":{"size":"2Gi","writers":["feed","x?"],"readers":["@local"],"keep":true,"exec":true},"c":{"size":4096,"writers":["*"]}}})");
    REQUIRE(config);
    REQUIRE(config->segments.size() == 3);
    const auto& a = config->segments[0];
    CHECK(a.name == "a");
    CHECK(a.size->of(Bytes{1}) == Bytes{2147483648});
    CHECK((a.writers == std::vector<std::string>{"feed", "x?"}));
    CHECK((a.readers == std::vector<std::string>{"@local"}));
    CHECK(a.keep);
    CHECK(a.exec);
    const auto& b = config->segments[1];
    CHECK(b.size->of(Bytes{1000}) == Bytes{250});
    CHECK(!b.keep);
    CHECK(!b.exec);
    CHECK(config->segments[2].size->of(Bytes{1}) == Bytes{4096});
}

TEST_CASE("declared segments that are none") {
    const auto segment = [](const std::string& members) { return refusal(R"({"segments":{"a":)" + members + "}}"); };
    CHECK(refusal(R"({"segments":[]})") == "segments is not an object");
    CHECK(refusal(R"({"segments":{"A":{}}})") == "segments.A is no name of a segment; write 1 to 43 of a-z, 0-9 and -");
    CHECK(segment("{}") == "segments.a has neither readers nor writers, so nobody could join it");
    CHECK(segment(R"({"writers":"x"})") == "segments.a.writers is not an array");
    CHECK(segment(R"({"writers":[1]})") == "segments.a.writers[0] is not a string");
    CHECK(segment(R"({"writers":["x"],"keep":1})") == "segments.a.keep is neither true nor false");
    CHECK(segment(R"({"writers":["x"],"path":"/x"})") == "segments.a.path is not known to this version");
    CHECK(segment(R"({"writers":["x"],"size":"2g"})") ==
          R"(segments.a.size "g" is nothing in Kubernetes and GiB in docker; write 2Gi or 2147483648)");
    CHECK(segment(R"({"writers":["x"],"size":"0"})") == "segments.a.size is 0; write more");
    const auto sized = [&](const std::string& size) { return segment(R"({"writers":["x"],"size":)" + size + "}"); };
    for (const std::string share : {"0%", "101%", "%", "1.5%"}) {
        CHECK(sized('"' + share + '"') == R"(segments.a.size is no share; write "1%" to "100%")");
    }
    for (const std::string size : {"0", "-1", "true", "{}"}) {
        CHECK(sized(size) == R"(segments.a.size is no size; write "2Gi", bytes, or a share of RAM, "25%")");
    }
}

TEST_CASE("a bad config, with the place and the reason") {
    CHECK(refusal("[]") == "JSON is not an object");
    CHECK(refusal(R"({"max":{}})") == "max is not known to this version");
    CHECK(refusal(R"({"disk":{"projectIds":[1,2]}})") == "disk.projectIds is not known to this version");
    CHECK(refusal(R"({"disk":{"accounting-only":"true"}})") == "disk.accounting-only is neither true nor false");
    CHECK(refusal(R"({"disk":{"project-ids":[1]}})") ==
          "disk.project-ids is not two numbers, the first and the last id");
    CHECK(refusal(R"({"disk":{"project-ids":[0,1]}})") ==
          "disk.project-ids[0] is no project id; write 1 to 4294967294");
    CHECK(refusal(R"({"disk":{"project-ids":[1,4294967295]}})") ==
          "disk.project-ids[1] is no project id; write 1 to 4294967294");
    CHECK(refusal(R"({"disk":{"project-ids":[9,8]}})") == "disk.project-ids has a first id above the last one");
}
