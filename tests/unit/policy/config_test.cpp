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
