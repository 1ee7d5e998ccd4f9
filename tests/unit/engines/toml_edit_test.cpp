// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/toml_edit.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace bulkhead;
using engines::Toml;
using engines::TomlPath;
using engines::TomlWish;

namespace {

constexpr std::string_view comment = "# ours";

Toml table() {
    Toml made;
    made.set(TomlPath{"type"}, Toml::of("t"));
    made.set(TomlPath{"options", "on"}, Toml::of_boolean(true));
    return made;
}

std::string edited(std::string_view text, const std::vector<TomlWish>& wishes) {
    auto changed = engines::edit_toml(text, wishes, comment);
    REQUIRE_MESSAGE(changed, changed.error().what);
    return *std::move(changed);
}

// A table a.r.x, and a key a.d, put into `text`.
std::string with_both(std::string_view text) {
    return edited(text, {{.path = {"a", "r", "x"}, .value = table()}, {.path = {"a", "d"}, .value = Toml::of("x")}});
}

std::string without_both(std::string_view text) {
    return edited(text, {{.path = {"a", "r", "x"}, .value = {}}, {.path = {"a", "d"}, .value = {}}});
}

const std::string block = "# ours\n[a.r.x]\ntype = \"t\"\n\n[a.r.x.options]\non = true\n";

} // namespace

TEST_CASE("a table goes to the end, a key to its table; all else stays, and can be had back") {
    struct Case {
        std::string text;
        std::string changed;
    };
    for (const auto& [text, changed] : std::vector<Case>{
             {"", block + "\n# ours\n[a]\nd = \"x\"\n"},
             {"# c\n\n\n", "# c\n\n\n\n" + block + "\n# ours\n[a]\nd = \"x\"\n"},
             {"v = 1", "v = 1\n\n" + block + "\n# ours\n[a]\nd = \"x\"\n"}, // no final newline
             {"[a] # first\n[a.r.y]\nd = 1 # not this one\n",
              "[a] # first\nd = \"x\"\n[a.r.y]\nd = 1 # not this one\n\n" + block},
             {"[a]\n  b = [\n    1, # one\n  ] # list\n  # last\n[c]\n",
              "[a]\n  b = [\n    1, # one\n  ] # list\n  d = \"x\"\n  # last\n[c]\n\n" + block},
             {"[a.r.y] # only this\n[z]\n", "[a.r.y] # only this\n[z]\n\n" + block + "\n# ours\n[a]\nd = \"x\"\n"},
             {"[a]\nd = 'old' # why\n[a.r]\n", "[a]\nd = \"x\" # why\n[a.r]\n\n" + block},
             {"\"a\".'d' = \"old\"\n", "\"a\".'d' = \"x\"\n\n" + block},
             {"a = { q = 1 } # in braces\n",
              "a = { q = 1, r = { x = { type = \"t\", options = { on = true } } }, d = \"x\" } # in braces\n"},
             {"a = {}\n", "a = { r = { x = { type = \"t\", options = { on = true } } }, d = \"x\" }\n"},
             {"[a]\nr = {y={p=1}}\n",
              "[a]\nr = {y={p=1}, x = { type = \"t\", options = { on = true } } }\nd = \"x\"\n"},
             {"[a]\nr.y.p = 1\n", "[a]\nr.y.p = 1\nd = \"x\"\n\n" + block},
             {"a.q = 1\n[z]\n", "a.q = 1\na.d = \"x\"\n[z]\n\n" + block},
             {"s = \"\"\"\n[a]\nd = 1\n\"\"\"\n",
              "s = \"\"\"\n[a]\nd = 1\n\"\"\"\n\n" + block + "\n# ours\n[a]\nd = \"x\"\n"},
             {"[[z]]\np = 1\n[[z]]\n", "[[z]]\np = 1\n[[z]]\n\n" + block + "\n# ours\n[a]\nd = \"x\"\n"},
         }) {
        CAPTURE(text);
        const auto with = with_both(text);
        CHECK(with == changed);
        CHECK(with_both(with) == with);
        // What was one's own is read back as it was; so is the text, where nothing of it had to be changed.
        const auto back = without_both(with);
        if (text.find("old") == std::string::npos && text.find("a = {") == std::string::npos) {
            CHECK(*engines::parse_toml(back) == *engines::parse_toml(text));
        }
    }
}

TEST_CASE("lines end as they do in the text, and it may have a byte order mark") {
    CHECK(with_both("[a]\r\nb = 1\r\n") ==
          "[a]\r\nb = 1\r\nd = \"x\"\r\n\r\n# ours\r\n[a.r.x]\r\ntype = \"t\"\r\n\r\n[a.r.x.options]\r\non = true\r\n");
    const std::string mark = "\xEF\xBB\xBF";
    CHECK(edited(mark + "[a]\nd = \"\xC3\xA4\"\n", {{.path = {"a", "d"}, .value = Toml::of("x")}}) ==
          mark + "[a]\nd = \"x\"\n");
}

TEST_CASE("what is taken out takes its comment along, and nobody else's") {
    const std::string around = "[b]\nq = 1\n\n# about c\n[c]\nq = 2\n";
    CHECK(without_both(with_both("[b]\nq = 1\n")) == "[b]\nq = 1\n");
    // Somebody has written behind it, and into it.
    CHECK(without_both("[b]\nq = 1\n\n" + block + "\n# about c\n[c]\nq = 2\n") == around);
    CHECK(without_both("[b]\nq = 1\n\n# ours\n[a.r.x]\ntype = \"t\" # theirs\nmore = 1\n\n# about c\n[c]\nq = 2\n") ==
          around);
    CHECK(without_both("[a]\n  d = \"x\"\n  r = { y = 1, x = { type = \"t\" }, z = 2 }\n") ==
          "[a]\n  r = { y = 1, z = 2 }\n");
    CHECK(without_both("a = { d = 1, r = { x = 1 } }\n") == "a = { r = {  } }\n");
    CHECK(without_both("a.d = 1\na.e = 2\n") == "a.e = 2\n");
    CHECK(without_both("[a.r]\nx = 1\n[b]\n") == "[a.r]\n[b]\n");
    CHECK(without_both("[a.r.x]\n[a.r.x.y]\nq = 1\n[b]\n[a.r.x.z]\nq = 1\n") == "[b]\n");
}

TEST_CASE("what cannot be written or taken out is refused") {
    const auto refused = [](std::string_view text, const TomlWish& wish) {
        const auto changed = engines::edit_toml(text, {wish}, comment);
        REQUIRE_FALSE_MESSAGE(changed, *changed);
        CHECK(changed.error().code == Code::bad_config);
    };
    refused("a = 1\n", {.path = {"a", "b"}, .value = Toml::of("x")});
    refused("[[a]]\nb = 1\n", {.path = {"a", "b"}, .value = Toml::of("x")});
    refused("a = \n", {.path = {"a", "b"}, .value = Toml::of("x")});
    // Dotted all the way, over several lines.
    refused("a.x.b = 1\na.x.c = 2\n", {.path = {"a", "x"}, .value = {}});
}

TEST_CASE("whether nothing but our comments is left") {
    CHECK(engines::is_bare("", comment));
    CHECK(engines::is_bare(" \r\n# ours\n\n", comment));
    CHECK_FALSE(engines::is_bare("# theirs\n", comment));
    CHECK_FALSE(engines::is_bare("# ours\na = 1", comment));
}
