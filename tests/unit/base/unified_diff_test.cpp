// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/unified_diff.h"

#include "support/temporary_directory.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <random>
#include <string>

using namespace bulkhead;

namespace {

// What `diff -u` says of the same texts, without the files' times.
std::string by_diff(const test::TemporaryDirectory& directory, const std::string& before, const std::string& after) {
    directory.write("before", before);
    directory.write("after", after);
    const auto command = "cd '" + directory.path() + "' && diff -u --label F --label F before after >said";
    static_cast<void>(std::system(command.c_str()));
    return directory.read("said");
}

std::string random_lines(std::mt19937& random) {
    std::string text;
    for (auto count = random() % 30; count > 0; --count) {
        text.append(1, static_cast<char>('a' + random() % 4)).append("\n");
    }
    if (random() % 4 == 0 && !text.empty()) {
        text.pop_back();
    }
    return text;
}

} // namespace

TEST_CASE("a diff has the form of diff -u") {
    const test::TemporaryDirectory directory;
    const std::string before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n";
    const std::string after = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18x\n20\n21";
    CHECK(unified_diff("F", before, after) == by_diff(directory, before, after));
    CHECK(unified_diff("F", before, before).empty());
    CHECK(unified_diff("F", std::nullopt, "a\nb\n") == "--- /dev/null\n+++ F\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    CHECK(unified_diff("F", "a\n", std::nullopt) == "--- F\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
    CHECK(unified_diff("F", "a", "a\n") == "--- F\n+++ F\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
    CHECK(unified_diff("F", std::nullopt, "") == "--- /dev/null\n+++ F\n");
}

TEST_CASE("patch makes the one text out of the other with it") {
    const test::TemporaryDirectory directory;
    std::mt19937 random(1); // NOLINT(bugprone-random-generator-seed): the same each time
    for (int round = 0; round < 30; ++round) {
        const auto before = random_lines(random);
        const auto after = random_lines(random);
        directory.write("F", before);
        directory.write("diff", unified_diff("F", before, after));
        const auto command = "cd '" + directory.path() + "' && patch --quiet --input=diff F >said 2>&1";
        if (before != after) {
            CHECK(std::system(command.c_str()) == 0);
        }
        CHECK((directory.has("F") ? directory.read("F") : "") == after);
    }
}

TEST_CASE("texts that have nothing in common are replaced") {
    std::string before;
    std::string after;
    for (int line = 0; line < 3000; ++line) {
        before.append("a").append(std::to_string(line)).append("\n");
        after.append("b").append(std::to_string(line)).append("\n");
    }
    const auto diff = unified_diff("F", before, after);
    CHECK(diff.starts_with("--- F\n+++ F\n@@ -1,3000 +1,3000 @@\n-a0\n"));
}
