// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/json_text.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace bulkhead;
using engines::JsonWish;

namespace {

const std::vector<JsonWish> both{{.path = {"runtimes", "x"}, .value = {{.string = "", .members = {{"path", "/p"}}}}},
                                 {.path = {"default"}, .value = {{.string = "x", .members = {}}}}};
const std::vector<JsonWish> neither{{.path = {"runtimes", "x"}, .value = {}}, {.path = {"default"}, .value = {}}};

std::string edited(std::string_view text, const std::vector<JsonWish>& wishes) {
    auto changed = engines::edit_json(text, wishes);
    REQUIRE_MESSAGE(changed, changed.error().what);
    return *std::move(changed);
}

} // namespace

TEST_CASE("what is added is laid out as what stands beside it") {
    struct Case {
        std::string text;
        std::string changed;
    };
    const std::string whole =
        "{\n    \"runtimes\": {\n        \"x\": {\n            \"path\": \"/p\"\n        }\n    },\n"
        "    \"default\": \"x\"\n}";
    for (const auto& [text, changed] : std::vector<Case>{
             {"", whole + "\n"},
             {" \n\n", whole + "\n"},
             {"{}", whole},
             {"{ }\n", whole + "\n"},
             {"{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"runtimes\": {\n    \"x\": {\n      \"path\": \"/p\"\n    }\n  "
                                    "},\n  \"default\": \"x\"\n}\n"},
             {"{\n\t\"a\": [1,\n2]\n}", "{\n\t\"a\": [1,\n2],\n\t\"runtimes\": {\n\t\t\"x\": {\n\t\t\t\"path\": "
                                        "\"/p\"\n\t\t}\n\t},\n\t\"default\": \"x\"\n}"},
             {"{\"a\":1}", "{\"a\":1,\"runtimes\":{\"x\":{\"path\":\"/p\"}},\"default\":\"x\"}"},
             {"{\"a\": 1}", "{\"a\": 1, \"runtimes\": {\"x\": {\"path\": \"/p\"}}, \"default\": \"x\"}"},
             {"{\r\n  \"a\": \"\\\"{,:\"\r\n}\r\n",
              "{\r\n  \"a\": \"\\\"{,:\",\r\n  \"runtimes\": {\r\n    \"x\": {\r\n      \"path\": \"/p\"\r\n    }\r\n  "
              "},\r\n  \"default\": \"x\"\r\n}\r\n"},
             {"{\n  \"default\": \"runc\",\n  \"runtimes\": {}\n}\n",
              "{\n  \"default\": \"x\",\n  \"runtimes\": {\n    \"x\": {\n      \"path\": \"/p\"\n    }\n  }\n}\n"},
             {"{\n  \"runtimes\": {\"y\": {\"path\": \"/y\", \"z\": 1e400}},\n  \"default\": null\n}\n",
              "{\n  \"runtimes\": {\"y\": {\"path\": \"/y\", \"z\": 1e400}, \"x\": {\"path\": \"/p\"}},\n  "
              "\"default\": \"x\"\n}\n"},
             {"{\"runtimes\":null}", "{\"runtimes\":{\"x\":{\"path\":\"/p\"}},\"default\":\"x\"}"},
         }) {
        CAPTURE(text);
        if (text.find("1e400") != std::string::npos) {
            CHECK_FALSE(engines::edit_json(text, both)); // no number that can be held against itself
            continue;
        }
        const auto with = edited(text, both);
        CHECK(with == changed);
        CHECK(edited(with, both) == with);
    }
}

TEST_CASE("what is taken out leaves the rest as it is") {
    CHECK(edited("{\n  \"a\": 1,\n  \"default\": \"x\"\n}\n", neither) == "{\n  \"a\": 1\n}\n");
    CHECK(edited("{\n  \"default\": \"x\",\n  \"a\": 1\n}\n", neither) == "{\n  \"a\": 1\n}\n");
    CHECK(edited("{\"a\":1,\"default\":\"x\",\"runtimes\":{\"x\":1,\"y\":2}}", neither) ==
          "{\"a\":1,\"runtimes\":{\"y\":2}}");
    CHECK(edited("{\"runtimes\": {\"x\": {}}}", neither) == "{\"runtimes\": {}}");
    CHECK(edited("{\"a\": 1}", neither) == "{\"a\": 1}");
    CHECK(edited("{\n  \"a\": 1\n}", neither) == "{\n  \"a\": 1\n}");
    const std::string plain = "{\n  \"a\": 1,\n  \"runtimes\": {\n    \"y\": {\"path\": \"/y\"}\n  }\n}\n";
    CHECK(edited(edited(plain, both), neither) == plain);
}

TEST_CASE("what is no object, or has one where something else stands, is refused") {
    for (const auto* const text :
         {"[]", "{", "1", "{\"runtimes\": []}", "{\"runtimes\": \"x\"}", "{\"a\": 1, \"a\": 2}", "{\"a\": \"\xFF\"}",
          "{\"a\": 1} x", "{\"a\": 1,}", "{'a': 1}"}) {
        const auto changed = engines::edit_json(text, both);
        REQUIRE_FALSE_MESSAGE(changed, text);
        CHECK(changed.error().code == Code::bad_config);
    }
}
