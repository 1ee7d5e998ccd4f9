// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/json.h"

#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;
using oci::JsonObject;

namespace {

struct Refused {
    std::string text;
    std::string what;
};

// The error of a text, or "".
std::string error_of(const std::string& text, const std::string& name = "") {
    const auto object = JsonObject::parse(text, name);
    if (object) {
        return "";
    }
    CHECK(object.error().code == Code::malformed_input);
    CHECK(object.error().number == 0);
    return object.error().what;
}

std::string nested(std::size_t depth, char open, char close) {
    return std::string(depth, open) + std::string(depth, close);
}

JsonObject parse(const std::string& text) { // `text` must outlive what is returned: no literal
    auto object = JsonObject::parse(text, "");
    REQUIRE(object);
    return *std::move(object);
}

template <typename T>
std::string what_of(const Result<T>& result) {
    return result ? "" : result.error().what;
}

const std::string cut = "JSON is malformed or cut off";
const std::string bad_a = "a is malformed, cut off or nested too deeply";

} // namespace

TEST_CASE("an object's members, sorted, whatever their values are") {
    const std::string text =
        " \t\r\n{ \"b\" : [1, {\"x\": \"]\"}] ,\"a\":{\"b\":\"}\\\"\"}, \"c\":\"\\\\\",\"d\":-1.5e3 } \n";
    const auto object = parse(text);
    REQUIRE(object.members().size() == 4);
    CHECK(object.members()[0].key == "a");
    CHECK(object.members()[0].value == "{\"b\":\"}\\\"\"}");
    CHECK(object.members()[1].value == "[1, {\"x\": \"]\"}]");
    CHECK(object.members()[2].value == "\"\\\\\"");
    CHECK(object.members()[3].value == "-1.5e3");
    CHECK(object.find("a")->name() == "a");
    CHECK(object.find("a")->object()->find("b")->name() == "a.b");
    CHECK(object.find("a")->object()->find("b")->string().value() == "}\"");
    CHECK(object.find("b")->array()->at(1).object()->find("x")->name() == "b[1].x");
    CHECK(!object.find(""));
    CHECK(!object.find("aa"));
    CHECK(JsonObject::parse("{}", "")->members().empty());
}

TEST_CASE("what is no object, or not the whole text") {
    const std::vector<Refused> table{
        {"", "JSON is not an object"},
        {" ", "JSON is not an object"},
        {"null", "JSON is not an object"},
        {"[]", "JSON is not an object"},
        {"\"{}\"", "JSON is not an object"},
        {"\xef\xbb\xbf{}", "JSON is not an object"}, // a byte order mark
        {"{", cut},
        {"{]", cut},
        {"{,}", cut},
        {"{\"a\":1,}", cut},
        {"{\"a\":1,,\"b\":2}", cut},
        {"{\"a\":1 \"b\":2}", cut},
        {"{\"a\":1", cut},
        {"{\"a\":1,", cut},
        {"{\"a\"}", cut},
        {"{\"a\" \"b\"}", cut},
        {"{\"a", cut},
        {"{a:1}", cut},
        {"{'a':1}", cut},
        {"{1:1}", cut},
        {"{\"a\":\"x\"y}", cut},
        {"{\"a\":[]1}", cut},
        {"{/* */}", cut},
        {"{\"a\":x\"y,\"b\":1}", cut}, // a scalar ends where a string begins
        {"{\"a\":1{\"b\":1}}", cut},
        {"{\"a\":1[2]}", cut},
        {"{\"a\":1:2}", cut},
        {"{\"a\":}", bad_a},
        {"{\"a\":", bad_a},
        {"{\"a\":,\"b\":1}", bad_a},
        {"{\"a\":\"x", bad_a},
        {"{\"a\":\"x\\", bad_a},
        {"{\"a\":\"x\\\"}", bad_a},
        {"{\"a\":[}", bad_a},
        {"{\"a\":[}]}", bad_a},
        {"{\"a\":{]}", bad_a},
        {"{\"a\":[\"]}", bad_a},
        {"{\"a\":[\"]\\\"]}", bad_a},
        {"{\"a\":[{\"b\":1]}", bad_a},
        {"{}{}", "JSON has something after its end"},
        {"{}x", "JSON has something after its end"},
        {"{\"a\":1}}", "JSON has something after its end"},
        {std::string("{}\0", 3), "JSON has something after its end"},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK(error_of(row.text) == row.what);
    }
    CHECK(error_of("[]", "linux") == "linux is not an object");
    CHECK(error_of("{\"a\":}", "linux") == "linux.a is malformed, cut off or nested too deeply");
}

TEST_CASE("a text that is cut off anywhere is an error") {
    const std::string text = R"({"a": {"b": [1, "x\"]", {"c": null}]}, "\u0064": "e\\", "f": -1, "g": [[[]]]})";
    CHECK(error_of(text) == "");
    for (std::size_t size = 0; size < text.size(); ++size) {
        const std::string part = text.substr(0, size);
        CAPTURE(part);
        CHECK(error_of(part) != "");
    }
}

TEST_CASE("a text with any byte changed is no crash") {
    const std::string text = R"({"a": {"b": [1, "x\"]", {"c": null}]}, "\u0064": "e\\", "f": -1, "g": [[[]]]})";
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char byte : {'"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\0', '\x80', 'u'}) {
            std::string changed = text;
            changed[at] = byte;
            const auto object = JsonObject::parse(changed, "");
            for (std::size_t i = 0; object && i < object->members().size(); ++i) {
                const auto value = object->value_of(object->members()[i]);
                static_cast<void>(value.string());
                static_cast<void>(value.integer());
                static_cast<void>(value.object());
                static_cast<void>(value.array());
            }
        }
    }
}

TEST_CASE("a value may be nested 64 deep and no deeper") {
    CHECK(error_of("{\"a\":" + nested(64, '[', ']') + "}") == "");
    CHECK(error_of("{\"a\":" + nested(65, '[', ']') + "}") == bad_a);
    std::string objects = "1";
    for (int depth = 0; depth < 64; ++depth) {
        objects.insert(0, "{\"x\":").append("}");
    }
    CHECK(error_of("{\"a\":" + objects + "}") == "");
    CHECK(error_of("{\"a\":[" + objects + "]}") == bad_a);
    CHECK(error_of("{\"a\":" + std::string(1'000'000, '[')) == bad_a);
    CHECK(error_of("{\"a\":[" + nested(63, '{', '}') + "," + nested(63, '[', ']') + "]}") == "");
}

TEST_CASE("brackets and quotes within strings do not count") {
    const std::string text = R"({"a":["[[[{{{", "\"]}", "\\"],"b":"}"})";
    CHECK(parse(text).members().size() == 2);
}

TEST_CASE("a key that stands twice is refused, however it is written") {
    CHECK(error_of(R"({"a":1,"a":1})") == R"(JSON has the key "a" twice)");
    CHECK(error_of(R"({"a":1,"b":2,"\u0061":3})") == R"(JSON has the key "a" twice)");
    CHECK(error_of(R"({"":1,"":2})") == R"(JSON has the key "" twice)");
    CHECK(error_of(R"({"a":1,"A":2})") == "");
    const std::string inner = R"({"skipped":{"b":1,"b":2}})";
    const auto object = parse(inner);
    CHECK(what_of(object.find("skipped")->object()) == R"(skipped has the key "b" twice)");
}

TEST_CASE("keys are decoded") {
    const std::string text = R"({"io\u002ebulkhead\u002Eshm-size":"1","\u00e4\/\t":"2"})";
    const auto object = parse(text);
    CHECK(object.required_string("io.bulkhead.shm-size").value() == "1");
    CHECK(object.required_string("\xc3\xa4/\t").value() == "2");
    CHECK(error_of(R"({"\x":1})") == "KEY is not a valid string");
    CHECK(error_of(R"({"a\u0000b":1})") == "KEY has a NUL character");
    CHECK(error_of("{\"a\nb\":1}") == "KEY is not a valid string");
    CHECK(error_of(R"({"\ud800":1})", "annotations") == "annotations.KEY is not a valid string");
}

TEST_CASE("strings") {
    const std::string text =
        R"({"plain":"a b","escaped":"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00","empty":"","nul":"a\u0000b",)"
        R"("half":"\ud800","bad":"\q","short":"\u12","number":1,"list":[],"word":true})";
    const auto object = parse(text);
    CHECK(object.required_string("plain").value() == "a b");
    CHECK(object.required_string("escaped").value() == "\"\\/\b\f\n\r\t\xc3\xa4\xf0\x9f\x98\x80");
    CHECK(object.required_string("empty").value() == "");
    CHECK(what_of(object.required_string("nul")) == "nul has a NUL character");
    CHECK(what_of(object.required_string("half")) == "half is not a valid string");
    CHECK(what_of(object.required_string("bad")) == "bad is not a valid string");
    CHECK(what_of(object.required_string("short")) == "short is not a valid string");
    for (const std::string name : {"number", "list", "word"}) {
        CHECK(what_of(object.required_string(name)) == name + " is not a string");
    }
    CHECK(what_of(object.required_string("missing")) == "missing is missing");
}

TEST_CASE("a key with escapes is found as what it means, in an object that was moved too") {
    const std::string text = R"({"\u0061 key that is not short":1,"b":2})";
    auto object = parse(text);
    const auto moved = std::move(object);
    CHECK(moved.find("a key that is not short")->integer().value() == 1);
    CHECK(moved.find("b")->integer().value() == 2);
}

TEST_CASE("control characters must be escaped") {
    for (int byte = 0; byte < 0x20; ++byte) {
        const std::string text = std::string("{\"a\":\"x") + static_cast<char>(byte) + "\"}";
        const auto object = JsonObject::parse(text, "");
        REQUIRE(object);
        CHECK(what_of(object->required_string("a")) == "a is not a valid string");
    }
}

TEST_CASE("integers") {
    const std::string text = R"({"max":9223372036854775807,"min":-9223372036854775808,"over":9223372036854775808,)"
                             R"("most":18446744073709551615,"huge":18446744073709551616,"zero":0,"real":1.0,"exp":1e3,)"
                             R"("hex":0x10,"plus":+1,"string":"1","list":[1],"word":true,"tail":1x,"none":-})";
    const auto object = parse(text);
    CHECK(object.find("max")->integer().value() == INT64_MAX);
    CHECK(object.find("min")->integer().value() == INT64_MIN);
    CHECK(object.find("zero")->integer().value() == 0);
    CHECK(object.find("most")->unsigned_integer().value() == UINT64_MAX);
    CHECK(object.find("over")->unsigned_integer().value() == 9223372036854775808U);
    for (const std::string name :
         {"over", "most", "huge", "real", "exp", "hex", "plus", "string", "list", "word", "tail", "none"}) {
        CHECK(what_of(object.find(name)->integer()) == name + " is not an integer, or out of range");
    }
    for (const std::string name : {"min", "huge", "real", "exp", "hex", "plus", "string", "list", "word", "tail"}) {
        CHECK(what_of(object.find(name)->unsigned_integer()) == name + " is not an integer, or out of range");
    }
}

TEST_CASE("arrays") {
    const std::string text = R"({"empty":[ ],"three":[1 , "x",[2]],"object":{},"word":true,"comma":[1,],"gap":[1,,2],)"
                             R"("lead":[,1],"two":[1 2]})";
    const auto object = parse(text);
    CHECK(object.find("empty")->array()->empty());
    const auto three = object.find("three")->array();
    REQUIRE(three);
    REQUIRE(three->size() == 3);
    CHECK(three->at(0).integer().value() == 1);
    CHECK(three->at(1).string().value() == "x");
    CHECK(three->at(2).name() == "three[2]");
    CHECK(what_of(object.find("object")->array()) == "object is not an array");
    CHECK(what_of(object.find("word")->array()) == "word is not an array");
    CHECK(what_of(object.find("comma")->array()) == "comma is malformed or cut off");
    CHECK(what_of(object.find("two")->array()) == "two is malformed or cut off");
    CHECK(what_of(object.find("gap")->array()) == "gap is malformed, cut off or nested too deeply");
    CHECK(what_of(object.find("lead")->array()) == "lead is malformed, cut off or nested too deeply");
}

TEST_CASE("null is as good as missing for an object, and no value") {
    const std::string text = R"({"a":null,"b":[null],"c":nullx})";
    const auto object = parse(text);
    CHECK(!object.find("a"));
    CHECK(what_of(object.required_string("a")) == "a is missing");
    CHECK(object.members().size() == 3);
    CHECK(object.value_of(object.members()[0]).is_null());
    CHECK(object.find("b")->array()->at(0).is_null());
    CHECK(!object.find("c")->is_null());
    CHECK(what_of(object.find("b")->array()->at(0).string()) == "b[0] is not a string");
}
