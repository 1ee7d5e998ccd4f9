// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/glob.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using bulkhead::glob_covers;
using bulkhead::glob_matches;

namespace {

// All words over `letters` of up to `longest` characters.
std::vector<std::string> words(const std::string& letters, std::size_t longest) {
    std::vector<std::string> all{""};
    for (std::size_t begin = 0, length = 0; length < longest; ++length) {
        const auto end = all.size();
        for (; begin < end; ++begin) {
            for (const char letter : letters) {
                all.push_back(all[begin] + letter);
            }
        }
    }
    return all;
}

// As one would say it, however long it takes.
bool matches_plainly(std::string_view glob, std::string_view text) {
    if (glob.empty()) {
        return text.empty();
    }
    if (glob.front() == '*') {
        return matches_plainly(glob.substr(1), text) || (!text.empty() && matches_plainly(glob, text.substr(1)));
    }
    return !text.empty() && (glob.front() == '?' || glob.front() == text.front()) &&
           matches_plainly(glob.substr(1), text.substr(1));
}

} // namespace

TEST_CASE("globs: every pattern of up to four characters on every text of up to five") {
    const auto texts = words("ab", 5);
    for (const auto& glob : words("ab*?", 4)) {
        for (const auto& text : texts) {
            CAPTURE(glob);
            CAPTURE(text);
            CHECK(glob_matches(glob, text) == matches_plainly(glob, text));
        }
    }
}

TEST_CASE("globs: what covers another one matches all that it does") {
    const auto texts = words("ab", 5);
    const auto globs = words("ab*?", 3);
    int missed = 0;
    for (const auto& general : globs) {
        for (const auto& special : globs) {
            bool all = true;
            for (const auto& text : texts) {
                all = all && (!matches_plainly(special, text) || matches_plainly(general, text));
            }
            CAPTURE(general);
            CAPTURE(special);
            CHECK((!glob_covers(general, special) || all));
            missed += all && !glob_covers(general, special) ? 1 : 0;
        }
    }
    CHECK(missed < 200); // of 7225: "*?" and "?*" and their like, which no one writes
}

TEST_CASE("globs: operators' patterns") {
    CHECK(glob_matches("ml-*", "ml-train"));
    CHECK(!glob_matches("ml-*", "xml-train"));
    CHECK(glob_matches("*", "@local"));
    CHECK(glob_covers("*", "ml-*"));
    CHECK(glob_covers("ml-*", "ml-a*"));
    CHECK(!glob_covers("ml-a*", "ml-*"));
    CHECK(!glob_covers("?", "*"));
    CHECK(glob_covers("a?c", "abc"));
}

TEST_CASE("globs: many stars take no time") {
    std::string glob;
    for (int i = 0; i < 100; ++i) {
        glob += "*a";
    }
    CHECK(!glob_matches(glob + "*b", std::string(10'000, 'a')));
}
