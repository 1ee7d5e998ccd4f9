// SPDX-License-Identifier: Apache-2.0
// The table of annotations, and the installed hooks.d file held against it.
#include "runtime/oci/annotation.h"

#include "runtime/oci/json.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <regex>
#include <set>

using namespace bulkhead;
using oci::annotation_keys;
using oci::JsonObject;

namespace {

const std::string for_who_asks = "/50-bulkhead.json";
const std::string for_all = "/always/50-bulkhead-always.json";

struct HooksFile {
    explicit HooksFile(const std::string& name) : text(test::read_file(BULKHEAD_HOOKS_D + name)) {}

    std::string text;
    JsonObject file = JsonObject::parse(text, "").value();
    JsonObject hook = file.find("hook")->object().value();
    JsonObject when = file.find("when")->object().value();
};

std::vector<std::string> strings(const oci::JsonValue& value) {
    std::vector<std::string> list;
    const auto elements = value.array();
    for (const auto& element : elements.value()) {
        list.push_back(element.string().value());
    }
    return list;
}

} // namespace

TEST_CASE("the table is in the order of the keys, each name once, with a line of documentation") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < annotation_keys.size(); ++i) {
        const auto& info = annotation_keys[i];
        CHECK(static_cast<std::size_t>(info.key) == i);
        CHECK(oci::info_of(info.key).name == info.name);
        CHECK(names.insert(info.name).second);
        const bool segment = info.key == oci::Key::segment; // "NAME" is for one of the tenant's
        CHECK(info.name.substr(0, segment ? info.name.find("NAME") : info.name.npos)
                  .find_first_not_of(segment ? "segment." : "abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
        CHECK(info.least <= info.most);
        CHECK(info.doc.ends_with("."));
    }
    CHECK(names.size() == oci::key_count);
}

TEST_CASE("the manual page has a heading for each key, in the order of the table, and for no other") {
    const auto page = test::read_file(BULKHEAD_ANNOTATIONS_MAN_PAGE);
    const std::string heading = "\n## " + std::string(oci::our_prefix);
    std::vector<std::string> names;
    for (auto at = page.find(heading); at != std::string::npos; at = page.find(heading, at + 1)) {
        const auto begin = at + heading.size();
        names.push_back(page.substr(begin, page.find('\n', begin) - begin));
    }
    std::vector<std::string> wanted;
    wanted.reserve(annotation_keys.size());
    for (const auto& info : annotation_keys) {
        wanted.emplace_back(info.name);
    }
    CHECK(names == wanted);
}

TEST_CASE("the hooks.d file's pattern matches our keys, typos included, and nothing else") {
    const HooksFile hooks(for_who_asks);
    const auto patterns = hooks.when.find("annotations")->object().value();
    REQUIRE(patterns.members().size() == 1);
    CHECK(patterns.value_of(patterns.members()[0]).string().value() == ".*");
    const std::regex pattern(std::string(patterns.members()[0].key), std::regex::extended);
    const auto matches = [&](const std::string& key) { return std::regex_search(key, pattern); };
    const std::string prefix(oci::our_prefix);
    for (const auto& info : annotation_keys) {
        CHECK(matches(prefix + std::string(info.name)));
        CHECK(matches(prefix + std::string(info.name) + "/web"));
    }
    for (const std::string key : {"shmsize", "typo", "x/y", ""}) {
        CHECK(matches(prefix + key));
    }
    for (const std::string key : {"xio.bulkhead.a", "io-bulkhead.x", "io.bulkhead", "io.bulkheadx.a", "ioxbulkhead.a",
                                  "io.bulkhead-x", "org.io.bulkhead.a", "IO.BULKHEAD.A"}) {
        CAPTURE(key);
        CHECK(!matches(key));
    }
    CHECK(hooks.when.members().size() == 1);
}

TEST_CASE("the hooks.d file for defaults is for every container") {
    const HooksFile hooks(for_all);
    CHECK(hooks.when.members().size() == 1);
    CHECK(hooks.when.find("always")->boolean().value());
}

TEST_CASE("the hooks.d files register both stages with a fixed environment and a timeout") {
    for (const auto& name : {for_who_asks, for_all}) {
        const HooksFile hooks(name);
        CHECK(hooks.file.required_string("version").value() == "1.0.0");
        CHECK((strings(*hooks.file.find("stages")) == std::vector<std::string>{"createRuntime", "poststop"}));
        CHECK(hooks.hook.required_string("path").value() == "/usr/libexec/oci/hooks.d/bulkhead-hook");
        CHECK((strings(*hooks.hook.find("args")) == std::vector<std::string>{"bulkhead-hook"}));
        const auto environment = strings(*hooks.hook.find("env"));
        REQUIRE(environment.size() == 1);
        CHECK(environment[0].starts_with("PATH=/"));
        const auto timeout = hooks.hook.find("timeout")->integer().value();
        CHECK(timeout >= 5);
        CHECK(timeout <= 60);
    }
}
