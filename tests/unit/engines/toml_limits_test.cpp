// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/toml.h"

#include <chrono>
#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;

namespace {

std::string times(int count, const std::string& text) {
    std::string all;
    for (int i = 0; i < count; ++i) {
        all += text;
    }
    return all;
}

// "": it is parsed.
std::string wrong_with(const std::string& text) {
    const auto read = engines::parse_toml(text);
    return read ? "" : read.error().what;
}

std::string numbered(int count, const std::string& before, const std::string& after) {
    std::string all;
    for (int i = 0; i < count; ++i) {
        all += before + std::to_string(i) + after;
    }
    return all;
}

const std::string deep = ": is nested too deeply: more than 64 levels";

} // namespace

TEST_CASE("a text that is nested too deeply is not parsed: the parser would overflow the stack") {
    CHECK(wrong_with("x = 1\n" + times(200'000, "a.") + "a = 1\n") == "line 2" + deep);
    CHECK(wrong_with("[" + times(200'000, "a.") + "a]\n") == "line 1" + deep);
    CHECK(wrong_with("[[" + times(200'000, "a . ") + "a]]\n") == "line 1" + deep);
    CHECK(wrong_with("x = '''\n\n'''\n" + times(200'000, "'\"'.\"\\\"'\".") + "a = 1\n") == "line 4" + deep);
    CHECK(wrong_with("x = " + times(200'000, "[")) == "line 1" + deep);
    // Each is shallow by itself, and lies in the one before.
    CHECK(wrong_with("x = " + times(250, "{ y = 1, " + times(60, "a.") + "a = ") + "1" + times(250, " }")) ==
          "line 1" + deep);
    CHECK(wrong_with("x = [\n" + times(100, "{ a.b = [\n") + times(100, "] }\n") + "]\n") == "line 23" + deep);
}

TEST_CASE("what is not nested is not too deep") {
    CHECK(wrong_with("# " + times(100, "....") + "\nx = \"" + times(100, ".") + "\" # " + times(100, "[")) == "");
    CHECK(wrong_with("x = '" + times(100, ".{") + "'\n'" + times(100, ".") + "' = 1\n") == "");
    CHECK(wrong_with("x = \"\"\"" + times(100, "[.\n\"\\\"\" \\\n") + "\"\"\"\"\"\ny = '''" + times(100, "\\[''.") +
                     "'''''\nz = \"\\\\\"\n") == "");
    CHECK(wrong_with("x = [" + times(1000, "1.5,\n") + "2.5]\n" + numbered(1000, "a.b", " = 1.5\n")) == "");
    CHECK(wrong_with("[" + times(60, "a.") + "a]\n" + times(60, "b.") + "b = [[1.5]]\n") == "");
}

TEST_CASE("a text with more tables or keys than a config has is not parsed: each would be looked up among all") {
    CHECK(wrong_with(numbered(60'000, "[a", "]\n")) == "line 5001: has too many tables: more than 5000");
    CHECK(wrong_with(numbered(60'000, " [[a", "]]\n")) == "line 5001: has too many tables: more than 5000");
    CHECK(wrong_with(numbered(60'000, "a", "=1\n")) == "line 5001: has too many keys: more than 5000");
    CHECK(wrong_with(numbered(5000, "[a", "]\n")) == "");
    CHECK(wrong_with("a = [\n" + times(6000, "[1],\n") + "]\n") == ""); // no tables
}

TEST_CASE("a line as long as the text is read in no time") {
    const auto begin = std::chrono::steady_clock::now();
    const auto read = engines::parse_toml("a = [" + times(300'000, "1,") + "]\n");
    REQUIRE(read);
    CHECK(read->member("a")->elements.back().place.begin == 5 + 2 * 299'999);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10)); // as it is with a sanitizer
}
