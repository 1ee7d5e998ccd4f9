// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/toml.h"

#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;
using engines::Toml;
using engines::TomlPath;

namespace {

Toml parsed(std::string_view text) {
    auto read = engines::parse_toml(text);
    REQUIRE_MESSAGE(read, read.error().what);
    return *std::move(read);
}

std::string at(std::string_view text, const engines::Place& place) {
    return std::string(text.substr(place.begin, place.end - place.begin));
}

} // namespace

TEST_CASE("each value knows its bytes, behind a byte order mark, umlauts and CRLF as well") {
    const std::string text =
        "\xEF\xBB\xBF# \xC3\xBC\r\n[a.\"b.c\"] # x\r\n  name = \"\xC3\xA4\" # y\r\n  list = [ 1,\r\n 2 ]\r\n"
        "  in = { p = true, q.r = 'x' }\r\n";
    const auto root = parsed(text);
    const TomlPath table{"a", "b.c"};
    const auto* const found = root.find(table);
    REQUIRE(found != nullptr);
    CHECK(found->form == Toml::Form::header);
    CHECK(at(text, found->place) == "[a.\"b.c\"]");
    CHECK(at(text, found->member("name")->place) == "\"\xC3\xA4\"");
    CHECK(found->member("name")->text == "\xC3\xA4");
    CHECK(at(text, found->member("list")->place) == "[ 1,\r\n 2 ]");
    CHECK(at(text, found->member("in")->place) == "{ p = true, q.r = 'x' }");
    CHECK(found->member("in")->form == Toml::Form::in_line);
    CHECK(found->member("in")->member("q")->form == Toml::Form::dotted);
    CHECK(at(text, found->members.front().place) == "in");
}

TEST_CASE("what a config says is the same however it is written") {
    const auto one = parsed("[a]\nb.c = \"x\"\nd = [1, 2]\nf = 1.50\n");
    CHECK(one == parsed("a = { d = [1,\n2], b = { c = 'x' }, f = 1.5 }\n"));
    CHECK_FALSE(one == parsed("[a]\nb.c = \"x\"\nd = [2, 1]\nf = 1.5\n"));
    CHECK_FALSE(one == parsed("[a]\nb.c = \"x\"\nd = [1, 2]\n"));
    CHECK_FALSE(parsed("a = 1") == parsed("a = 2"));
    CHECK_FALSE(parsed("a = true") == parsed("a = false"));
    CHECK_FALSE(parsed("a = \"1\"") == parsed("a = 1"));
}

TEST_CASE("what is written can be read again") {
    Toml table;
    REQUIRE(table.set(TomlPath{"plain"}, Toml::of("a \"b\" \\ \n \x7F \xC3\xA4")));
    REQUIRE(table.set(TomlPath{"in.n", "list"}, Toml::of(std::vector<std::string>{"x", "y"})));
    REQUIRE(table.set(TomlPath{"in.n", "on"}, Toml::of_boolean(true)));
    CHECK_FALSE(table.set(TomlPath{"plain", "x"}, Toml::of_boolean(true)));
    CHECK(parsed("t = " + engines::to_text(table)).member("t")->operator==(table));
    CHECK(engines::path_text(TomlPath{"plugins", "io.x", "a-b_1", ""}) == "plugins.\"io.x\".a-b_1.\"\"");
}

TEST_CASE("what is no TOML is refused with its line") {
    const auto read = engines::parse_toml("a = 1\nb = \n");
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Code::bad_config);
    CHECK(read.error().what.starts_with("line 2: "));
    CHECK_FALSE(engines::parse_toml("a = 1\na = 2\n"));
    CHECK_FALSE(engines::parse_toml(std::string("a = \"\0\"", 7)));
    CHECK_FALSE(engines::parse_toml("a = \"\xFF\""));
    for (const auto* const text : {"[=]",           "[[[",    "[ [a]]",     "[a",    "a",        "a =",       "=",
                                   "a = {",         "a = [",  "a = tru",    "a = +", "a = 0x",   "a = 1979-", "[a]x",
                                   "a = {}\n[a.b]", "\"\"\"", "a = \"\"\"", "a.",    "a..b = 1", "\r"}) {
        CHECK_FALSE_MESSAGE(engines::parse_toml(text), text);
    }
    for (const auto bracket : {'[', '{'}) {
        CHECK_FALSE(engines::parse_toml("a = " + std::string(100'000, bracket)));
    }
}

TEST_CASE("a later config goes over an earlier one") {
    const auto base = parsed("[a]\nx = [1]\ny = 1\n[t.one]\np = 1\nq = 2\n");
    auto merged = base;
    merge(merged, parsed("[a]\nx = [2]\nz = 3\n[t.one]\np = 5\n"), {});
    CHECK(merged == parsed("[a]\nx = [2]\ny = 1\nz = 3\n[t.one]\np = 5\nq = 2\n"));
    merged = base;
    merge(merged, parsed("[a]\nx = [2]\n"), {.append_arrays = true, .whole = {}});
    CHECK(merged == parsed("[a]\nx = [1, 2]\ny = 1\n[t.one]\np = 1\nq = 2\n"));
    merged = base;
    merge(merged, parsed("[t.one]\np = 5\n[t.two]\n"), {.append_arrays = false, .whole = {"t"}});
    CHECK(merged == parsed("[a]\nx = [1]\ny = 1\n[t.one]\np = 5\n[t.two]\n"));
    merged = base;
    merge(merged, parsed("[a]\nx = [2, {append = true}]\n"), {});
    CHECK(merged.find(TomlPath{"a", "x"})->elements.size() == 3);
}
