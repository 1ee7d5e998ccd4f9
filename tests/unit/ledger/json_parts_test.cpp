// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/json_parts.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace bulkhead;
using ledger::Owner;
using oci::JsonObject;

namespace {

const Owner owner{.id = "web",
                  .bundle = "/run/\"b\"",
                  .process = {.pid = 2147483647, .start_time = 18446744073709551615U},
                  .boot_id = "boot"};

Result<Owner> head_of(const std::string& text) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    return ledger::head_from_json(object);
}

std::string head_error(const std::string& text) {
    const auto head = head_of(text);
    if (head) {
        return "";
    }
    CHECK(head.error().code == Code::malformed_input);
    return head.error().what;
}

template <typename T>
std::string error_of(const Result<T>& result) {
    return result ? "" : result.error().what;
}

std::string with(const std::string& key, const nlohmann::ordered_json& value) {
    auto json = ledger::head_to_json(owner);
    json[key] = value;
    return ledger::to_text(json);
}

std::string without(const std::string& key) {
    auto json = ledger::head_to_json(owner);
    json.erase(key);
    return ledger::to_text(json);
}

std::string id_error(const std::string& value) {
    const auto text = R"({"projectId":)" + value + "}"; // outlives what is parsed
    const auto object = JsonObject::parse(text, "").value();
    return error_of(ledger::project_id(object));
}

} // namespace

TEST_CASE("a head is read as it was written, in this order") {
    const auto text = ledger::to_text(ledger::head_to_json(owner));
    CHECK(text == "{\n  \"formatVersion\": 1,\n  \"id\": \"web\",\n  \"bundle\": \"/run/\\\"b\\\"\",\n  \"pid\": "
                  "2147483647,\n  \"startTime\": 18446744073709551615,\n  \"bootId\": \"boot\"\n}\n");
    CHECK((head_of(text).value() == owner));
}

TEST_CASE("a head of another version, or with something missing or out of range") {
    CHECK(head_error(with("formatVersion", 2)) == "format version 2 is not known");
    CHECK(head_error(with("pid", 2147483648)) == "pid is out of range");
    CHECK(head_error(with("pid", -1)) == "pid is not an integer, or out of range");
    CHECK(head_error(with("later", "x")) == "");
    for (const std::string key : {"formatVersion", "id", "bundle", "pid", "startTime", "bootId"}) {
        CHECK(head_error(without(key)) == key + " is missing");
        CHECK(head_error(with(key, nullptr)) == key + " is missing");
        CHECK(head_error(with(key, nlohmann::ordered_json::array())) != "");
    }
}

TEST_CASE("a number is unsigned, with 64 bits") {
    const auto object = JsonObject::parse(R"({"a":0,"b":18446744073709551615,"c":-1,"d":"1","e":1.0})", "").value();
    CHECK(ledger::number(object, "a").value() == 0);
    CHECK(ledger::number(object, "b").value() == 18446744073709551615U);
    for (const std::string key : {"c", "d", "e"}) {
        CHECK(error_of(ledger::number(object, key)) == key + " is not an integer, or out of range");
    }
    CHECK(error_of(ledger::number(object, "x")) == "x is missing");
}

TEST_CASE("a project id is neither 0 nor what the kernel has for none") {
    CHECK(id_error("1") == "");
    CHECK(id_error("4294967294") == "");
    for (const std::string value : {"0", "4294967295", "4294967296", "18446744073709551615"}) {
        CHECK(id_error(value) == "projectId is out of range");
    }
    CHECK(id_error("-1") == "projectId is not an integer, or out of range");
    CHECK(id_error("null") == "projectId is missing");
}

TEST_CASE("what is not UTF-8 does not make us throw") {
    CHECK(ledger::to_text(nlohmann::ordered_json{{"a", "\xff"}}) == "{\n  \"a\": \"\xef\xbf\xbd\"\n}\n");
}
