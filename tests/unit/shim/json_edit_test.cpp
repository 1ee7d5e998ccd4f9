// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/json_edit.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using namespace bulkhead;
using namespace bulkhead::shim;
using oci::JsonValue;

namespace {

struct Row {
    std::string text;
    std::string expected;
};

std::string edited(const std::string& text, std::vector<MemberEdit> members) {
    const auto result = edit_text(text, std::move(members));
    if (result) {
        return *result;
    }
    CHECK(result.error().code == Code::malformed_input);
    return "error: " + result.error().what;
}

Edit add_one_to_numbers() {
    return in_elements([](const std::optional<JsonValue>& element) -> Edited {
        const auto number = element->integer();
        return number ? std::optional(std::to_string(*number + 1)) : std::nullopt;
    });
}

Edit add_x() {
    return add_element("\"x\"", [](const JsonValue& element) -> Result<bool> {
        TRY_ASSIGN(const auto text, element.string());
        return text == "x";
    });
}

} // namespace

TEST_CASE("a member is put where it stood, or behind the last one") {
    const std::vector<Row> table{
        {"{}", "{\"a\":1}"},
        {" { } ", " {\"a\":1 } "},
        {"{\"b\":2}", "{\"b\":2,\"a\":1}"},
        {"{ \"b\" : 2 \n}\n", "{ \"b\" : 2,\"a\":1 \n}\n"},
        {"{\"a\":5,\"b\":2}", "{\"a\":1,\"b\":2}"},
        {"{\"b\" : [] , \"a\" :\t{\"c\": 5} }", "{\"b\" : [] , \"a\" :\t1 }"},
        {"{\"a\":null}", "{\"a\":1}"},
        {"{\"\\u0061\":null}", "{\"\\u0061\":1}"},
        {"{\"a\":1}", "{\"a\":1}"},
        {"{\"z\":1,\"b\":{\"a\":5}}", "{\"z\":1,\"b\":{\"a\":5},\"a\":1}"},
        {"[]", "error: JSON is not an object"},
        {"", "error: JSON is not an object"},
        {"{\"a\":1,\"a\":1}", "error: JSON has the key \"a\" twice"},
        {"{\"a\":1", "error: JSON is malformed or cut off"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(edited(row.text, {{"a", put("1")}}) == row.expected);
    }
    CHECK(edited("{ }", {}) == "{ }");
}

TEST_CASE("members of objects in objects") {
    const std::vector<Row> table{
        {"{}", R"({"a":{"b":{"x":1,"y":2}}})"},
        {R"({"a":null})", R"({"a":{"b":{"x":1,"y":2}}})"},
        {R"({"a":{}})", R"({"a":{"b":{"x":1,"y":2}}})"},
        {R"({"a":{"b":null}})", R"({"a":{"b":{"x":1,"y":2}}})"},
        {R"({"a":{"b":{"y":2,"x":1}}})", R"({"a":{"b":{"y":2,"x":1}}})"},
        {R"({"a":{"b":{"y":0,"z":0}}, "c":1})", R"({"a":{"b":{"y":2,"z":0,"x":1}}, "c":1})"},
        {R"({"a":[]})", "error: a is not an object"},
        {R"({"a":{"b":"x"}})", "error: a.b is not an object"},
        {R"({"a":{"b":{"x":1,"x":2}}})", "error: a.b has the key \"x\" twice"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(edited(row.text, {{"a", in_object({{"b", in_object({{"x", put("1")}, {"y", put("2")}})}})}}) ==
              row.expected);
    }
    CHECK(edited("{}", {{"a", in_object({})}}) == "{}");
    CHECK(edited("{\"a\":3}", {{"a", in_object({})}}) == "error: a is not an object");
}

TEST_CASE("elements of an array") {
    const std::vector<Row> table{
        {"{}", "{}"},
        {R"({"a":null})", R"({"a":null})"},
        {R"({"a":[]})", R"({"a":[]})"},
        {R"({"a": [ 1 ,"1",[1], -2 ] })", R"({"a": [ 2 ,"1",[1], -1 ] })"},
        {R"({"a":{}})", "error: a is not an array"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(edited(row.text, {{"a", add_one_to_numbers()}}) == row.expected);
    }
}

TEST_CASE("an element is added to the end, once") {
    const std::vector<Row> table{
        {"{}", R"({"a":["x"]})"},
        {R"({"a":null})", R"({"a":["x"]})"},
        {R"({"a":[]})", R"({"a":["x"]})"},
        {R"({"a":[ ]})", R"({"a":["x" ]})"},
        {R"({"a":["y" ]})", R"({"a":["y","x" ]})"},
        {R"({"a":["x","y"]})", R"({"a":["x","y"]})"},
        {R"({"a":["\u0078"]})", R"({"a":["\u0078"]})"},
        {R"({"a":[1]})", "error: a[0] is not a string"},
        {R"({"a":"x"})", "error: a is not an array"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(edited(row.text, {{"a", add_x()}}) == row.expected);
    }
}

TEST_CASE("strings") {
    CHECK(json_string("") == "\"\"");
    CHECK(json_string("a\"b\\c/'") == R"("a\"b\\c/'")");
    CHECK(json_string("\n\x01\x1f\x7f\xc3\xa9") == "\"\\u000a\\u0001\\u001f\\u007f\xc3\xa9\"");
    std::string all;
    for (char c = 1; c < 127; ++c) {
        all += c;
    }
    CHECK(nlohmann::json::parse(json_string(all)).get<std::string>() == all);
}
