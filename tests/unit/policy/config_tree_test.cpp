// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_tree.h"

#include "support/fixture.h"

#include <doctest/doctest.h>
#include <random>

using namespace bulkhead;
using policy::ConfigTree;
using policy::without_comments;

namespace {

ConfigTree tree(const std::string& text, const std::string& file = "FILE") {
    auto parsed = ConfigTree::parse(text, file);
    CAPTURE((parsed ? "" : parsed.error().what));
    REQUIRE(parsed);
    return *std::move(parsed);
}

// As JSON, with members sorted.
std::string text_of(const ConfigTree& node) {
    if (!node.is_object()) {
        return std::string(node.value().text());
    }
    std::string text = "{";
    for (const auto* member : node.members()) {
        text.append(text.size() > 1 ? "," : "").append(member->name()).append(":").append(text_of(*member));
    }
    return text + "}";
}

std::string merged(const std::vector<std::string>& texts) {
    ConfigTree whole;
    for (const auto& text : texts) {
        whole.merge(tree(text));
    }
    return text_of(whole);
}

std::string refusal(const std::string& text) {
    const auto parsed = ConfigTree::parse(text, "FILE");
    return parsed ? "" : parsed.error().what;
}

} // namespace

TEST_CASE("comments are blanks, but not in strings") {
    CHECK(without_comments("1 // 2\n3").value() == "1     \n3");
    CHECK(without_comments("1 /* 2\n */3").value() == "1         3");
    CHECK(without_comments(R"("a//b" // c)").value() == R"("a//b"     )");
    CHECK(without_comments(R"("a\"//b" /*c*/ 1)").value() == R"("a\"//b"       1)");
    CHECK(without_comments(R"("a\\"//b)").value() == R"("a\\"   )");
    CHECK(without_comments("/**/").value() == "    ");
    CHECK(without_comments("/").value() == "/");
    CHECK(without_comments("\"/*").value() == "\"/*");
    CHECK(without_comments("\"\\").value() == "\"\\");
    CHECK(without_comments("/*/").error().what == "has a comment that does not end");
    CHECK(text_of(tree("// first\n{ \"a\": /* in between */ 1 } // last")) == "{a:1}");
}

TEST_CASE("a tree knows each value's file, path and name") {
    auto whole = tree(R"({"max":{"shm-size":"1Gi"},"rules":[{"max":{}}]})", "one");
    whole.merge(tree(R"({"max":{"pids-max":5}})", "two"));
    const auto members = whole.members();
    REQUIRE(members.size() == 2);
    const auto& max = *members[0];
    CHECK(max.name() == "max");
    CHECK(max.path() == "max");
    CHECK(max.members()[0]->path() == "max.pids-max");
    CHECK(max.members()[0]->file() == "two");
    CHECK(max.members()[1]->path() == "max.shm-size");
    CHECK(max.members()[1]->file() == "one");
    const auto rules = members[1]->elements().value();
    REQUIRE(rules.size() == 1);
    CHECK(rules[0].path() == "rules[0]");
    CHECK(rules[0].members()[0]->path() == "rules[0].max");
    CHECK(rules[0].members()[0]->file() == "one");
    CHECK(max.elements().error().what == "max is not an array");
}

TEST_CASE("merging: RFC 7396's own examples") { // appendix A, what is not an object left out
    CHECK(merged({R"({"a":"b"})", R"({"a":"c"})"}) == R"({a:"c"})");
    CHECK(merged({R"({"a":"b"})", R"({"b":"c"})"}) == R"({a:"b",b:"c"})");
    CHECK(merged({R"({"a":"b"})", R"({"a":null})"}) == "{}");
    CHECK(merged({R"({"a":"b","b":"c"})", R"({"a":null})"}) == R"({b:"c"})");
    CHECK(merged({R"({"a":["b"]})", R"({"a":"c"})"}) == R"({a:"c"})");
    CHECK(merged({R"({"a":"c"})", R"({"a":["b"]})"}) == R"({a:["b"]})");
    CHECK(merged({R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})"}) == R"({a:{b:"d"}})");
    CHECK(merged({R"({"a":[{"b":"c"}]})", R"({"a":[1]})"}) == "{a:[1]}");
    CHECK(merged({R"({"e":null})", R"({"a":1})"}) == "{a:1}");
    CHECK(merged({"{}", R"({"a":{"bb":{"ccc":null}}})"}) == "{a:{bb:{}}}");
}

TEST_CASE("merging: what takes the place of something else is not merged with what was below") {
    CHECK(merged({R"({"a":{"x":1}})", R"({"a":5})", R"({"a":{"y":2}})"}) == "{a:{y:2}}");
    CHECK(merged({R"({"a":{"x":1}})", R"({"a":null})", R"({"a":{"y":2}})"}) == "{a:{y:2}}");
    CHECK(merged({R"({"a":{"x":1}})", R"({"a":null})"}) == "{}");
}

TEST_CASE("merging is associative over drop-ins") {
    std::mt19937_64 random(7396); // NOLINT(cert-msc32-c,cert-msc51-cpp): the same trees each time
    const auto below = [&](std::size_t end) { return random() % end; };
    // A few names and shallow trees, so that much collides.
    const auto make = [&](const auto& self, int depth) -> std::string {
        const auto kind = below(depth == 0 ? 3 : 12);
        if (kind < 3) {
            return std::vector<std::string>{"null", "1", "[2]"}[kind];
        }
        std::string text = "{";
        for (const std::string name : {"\"a\":", "\"b\":"}) {
            if (below(3) > 0) {
                text.append(text.size() > 1 ? "," : "").append(name).append(self(self, depth - 1));
            }
        }
        return text + "}";
    };
    int different = 0;
    for (int round = 0; round < 5'000; ++round) {
        std::vector<std::string> texts;
        for (int i = 0; i < 4; ++i) {
            texts.push_back("{\"a\":" + make(make, 3) + ",\"c\":" + make(make, 3) + "}");
        }
        const auto one_by_one = merged(texts);
        auto late = tree(texts[2]);
        late.merge(tree(texts[3]));
        auto early = tree(texts[0]);
        early.merge(tree(texts[1]));
        auto middle = tree(texts[1]);
        middle.merge(late);
        ConfigTree right = tree(texts[0]);
        right.merge(middle);
        early.merge(std::move(late));
        CHECK(text_of(right) == one_by_one);
        CHECK(text_of(early) == one_by_one);
        different += one_by_one == merged({texts[3]}) ? 0 : 1;
    }
    CHECK(different > 1000);
}

TEST_CASE("what is no tree") {
    CHECK(refusal("") == "JSON is not an object");
    CHECK(refusal("[]") == "JSON is not an object");
    CHECK(refusal("{") == "JSON is malformed or cut off");
    CHECK(refusal("{} {}") == "JSON has something after its end");
    CHECK(refusal(R"({"a":1,"a":2})") == R"(JSON has the key "a" twice)");
    CHECK(refusal(R"({"a":{"b":1,"b":2}})") == R"(a has the key "b" twice)");
    CHECK(refusal(R"({"a":{"b" 1}})") == "a is malformed or cut off");
    CHECK(refusal("{} /* x") == "has a comment that does not end");
    CHECK(refusal(test::repeated("{\"a\":", 1000)).contains("nested too deeply"));
    CHECK(refusal(test::repeated("{\"a\":", 1000) + "1" + test::repeated("}", 1000)).contains("nested too deeply"));
    CHECK(refusal(test::repeated("{\"a\":", 60) + "1" + test::repeated("}", 60)).empty());
}
