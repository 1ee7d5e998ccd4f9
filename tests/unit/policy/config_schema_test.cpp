// SPDX-License-Identifier: Apache-2.0
// config/bulkhead.schema.json and config/bulkhead.json against the tables that the config is read by. That the two give
// the same verdict on whole configs is the matter of tests/integration/config.bats.
#include "runtime/policy/config_parts.h"
#include "runtime/policy/config_terms.h"
#include "runtime/policy/config_tree.h"
#include "support/node_config.h"
#include "support/temporary_directory.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace bulkhead;
using Json = nlohmann::ordered_json;
using test::sound_config;

namespace {

const Json& schema() {
    static const auto json = Json::parse(test::read_file(BULKHEAD_CONFIG "/bulkhead.schema.json"));
    return json;
}

// What a "$ref" leads to.
const Json& resolved(const Json& part) {
    return part.contains("$ref") ? schema().at(Json::json_pointer(part["$ref"].get<std::string>().substr(1))) : part;
}

// Of each object below `part` the members that it may have, as config_members() writes them.
void collect(const Json& part, const std::string& prefix, std::vector<std::string>& members) {
    const auto& object = resolved(part);
    if (object.contains("items")) {
        collect(object["items"], prefix + "[]", members);
    }
    for (const auto& named : object.value("patternProperties", Json::object())) {
        collect(named, prefix + ".NAME", members);
    }
    const auto properties = object.value("properties", Json::object());
    for (const auto& [name, member] : properties.items()) {
        const auto path = (prefix.empty() ? "" : prefix + ".") + name;
        members.push_back(path);
        collect(member, path, members);
    }
}

const Json& property(const std::string& of, std::string_view name) {
    return schema()["$defs"][of]["properties"].at(std::string(name));
}

// The members of `part` that have a "default", with it.
Json defaults_of(const Json& part) {
    Json defaults = Json::object();
    const auto properties = part.value("properties", Json::object());
    for (const auto& [name, member] : properties.items()) {
        if (member.contains("default")) {
            defaults[name] = member["default"];
        }
    }
    return defaults;
}

void check_is_default(const policy::Config& config) {
    CHECK(config.cgroup == policy::CgroupConfig{});
    CHECK(config.disk == policy::DiskConfig{});
    CHECK(config.on_error == policy::OnError{});
    CHECK(config.runtime == policy::RuntimeConfig{});
}

} // namespace

TEST_CASE("the schema has the members of the tables and no others") {
    std::vector<std::string> of_schema;
    collect(schema(), "", of_schema);
    auto of_tables = policy::config_members();
    std::ranges::sort(of_schema);
    std::ranges::sort(of_tables);
    CHECK(of_schema == of_tables);
    CHECK(of_tables.size() > 50);
}

TEST_CASE("every object of the schema refuses what it does not know") {
    std::size_t objects = 0;
    const auto closed = [&](const Json& part, const auto& self) -> void {
        if (part.is_object() && part.contains("properties") && !part["properties"].contains("$ref")) {
            ++objects;
            CHECK(part["additionalProperties"]["type"] == "null"); // which takes it away
        }
        for (const auto& child : part) {
            if (child.is_structured()) {
                self(child, self);
            }
        }
    };
    closed(schema(), closed);
    CHECK(objects == 9);
}

TEST_CASE("the schema's keys have the bounds and the words of the table of annotations") {
    const auto check = [](const std::string& part, const oci::KeyInfo& info) {
        CAPTURE(part);
        CAPTURE(info.name);
        const auto& key = property(part, info.name);
        CHECK(key["description"] == info.doc);
        if (info.type != oci::ValueType::boolean) {
            CHECK(resolved(key)["minimum"] == info.least);
            CHECK(resolved(key)["maximum"] == info.most);
            CHECK(resolved(key)["pattern"].get<std::string>().contains('%') == (info.type == oci::ValueType::bytes));
        }
    };
    for (const auto& info : oci::annotation_keys) {
        if (std::ranges::count(policy::max_names(), info.name) == 1) {
            check("max", info);
        }
        if (std::ranges::count(policy::default_names(), info.name) == 1) {
            check("defaults", info);
        }
    }
}

TEST_CASE("the schema's list of what may be asked for is the table's") {
    const auto names = property("rule", "allow")["items"]["enum"].get<std::vector<std::string>>();
    CHECK(std::ranges::equal(names, policy::allow_names()));
}

TEST_CASE("the schema's defaults are the parser's") {
    Json config = Json::object();
    std::size_t count = 0;
    for (const std::string part : {"cgroup", "disk", "on-error", "runtime"}) {
        const auto& object = schema()["properties"][part];
        config[part] = defaults_of(object);
        CHECK(config[part].size() == object["properties"].size());
        count += config[part].size();
    }
    CHECK(count == 13);
    check_is_default(sound_config(config.dump()));
    config = {{"segments", {{"x", defaults_of(schema()["$defs"]["segment"])}}}};
    config["segments"]["x"]["readers"] = {"*"};
    const auto segments = sound_config(config.dump()).segments;
    CHECK(segments[0].keep == policy::DeclaredSegment{}.keep);
    CHECK(segments[0].exec == policy::DeclaredSegment{}.exec);
    CHECK(config["segments"]["x"].size() == 3);
}

TEST_CASE("the example is sound, and what it calls the defaults is that") {
    const auto config = sound_config(test::read_file(BULKHEAD_CONFIG "/bulkhead.json"));
    check_is_default(config);
    CHECK(config.has_defaults());
    CHECK(config.rules.size() == 2);
    CHECK(config.segments.size() == 1);
}

// Of the manual, what stands in the first example of its text.
TEST_CASE("the manual's example is the example") {
    const auto page = test::read_file(BULKHEAD_CONFIG_MAN_PAGE);
    const auto begin = page.find("```\n") + 4;
    const auto text = page.substr(begin, page.find("```\n", begin) - begin);
    const auto example = policy::without_comments(test::read_file(BULKHEAD_CONFIG "/bulkhead.json"));
    CHECK(Json::parse(text) == Json::parse(*example));
}
