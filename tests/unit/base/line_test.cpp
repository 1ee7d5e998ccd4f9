// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/line.h"

#include <doctest/doctest.h>

using namespace bulkhead;

TEST_CASE("printable_line keeps printable ASCII and nothing else") {
    std::string printable;
    for (char c = ' '; c <= '~'; ++c) {
        printable.push_back(c);
    }
    CHECK(printable_line(printable) == printable);
    CHECK(printable_line("") == "");
    CHECK(printable_line("a\nb\r\tc") == "a?b??c");
    CHECK(printable_line("\x1b[31mred\x1b[0m") == "?[31mred?[0m");
    CHECK(printable_line("\x7f\x80\xff") == "???");
    CHECK(printable_line(std::string_view("a\0b", 3)) == "a?b");
    CHECK(printable_line("\xc3\xa4") == "??"); // a byte each: what decodes them may be anything
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const auto line = printable_line(std::string_view(&c, 1));
        CHECK(line == (byte >= 0x20 && byte <= 0x7e ? std::string(1, c) : "?"));
    }
}

TEST_CASE("printable_line is at most 500 bytes and shows that it was cut") {
    const std::string longest(500, 'x');
    CHECK(printable_line(longest) == longest);
    CHECK(printable_line(longest + "y") == std::string(497, 'x') + "...");
    CHECK(printable(longest + "\ny") == longest + "?y");
    CHECK(printable_line(std::string(1 << 20, '\n')).size() == 500);
}

TEST_CASE("report_line names the container where there is one") {
    CHECK(report_line("web", "no room") == "bulkhead: web: no room");
    CHECK(report_line("", "no room") == "bulkhead: no room");
    CHECK(report_line("a\nbulkhead: b", "x\ny") == "bulkhead: a?bulkhead: b: x?y");
}

TEST_CASE("report_line stays below 500 bytes and leaves room for the reason") {
    const auto line = report_line(std::string(255, 'i'), std::string(1000, 'r'));
    CHECK(line.size() == 500);
    CHECK(line.starts_with("bulkhead: " + std::string(64, 'i') + ": rrr"));
    CHECK(line.ends_with("r..."));
}
