// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/table.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using cli::Table;
using cli::Tone;

namespace {
constexpr std::uint64_t kibibyte = 1ULL << 10U;
constexpr std::uint64_t mebibyte = 1ULL << 20U;
constexpr std::uint64_t gibibyte = 1ULL << 30U;
} // namespace

TEST_CASE("columns are as wide as what is in them, and an empty cell is a dash") {
    Table table({"A", "LONG", "C"});
    table.add({{.text = "1234"}, {.text = "x"}, {.text = "end"}});
    table.add({{.text = ""}, {.text = ""}, {.text = ""}});
    const std::vector<std::string> expected{"A     LONG  C", "1234  x     end", "-     -     -"};
    CHECK(table.lines(false) == expected);
}

TEST_CASE("no cell can print an escape, or take a line more") {
    Table table({"A"});
    table.add({{.text = "\033[31mred\nnext\xc2\x9b"}});
    const std::vector<std::string> expected{"A", "?[31mred?next??"};
    CHECK(table.lines(false) == expected);
    CHECK(table.lines(true) == expected);
}

TEST_CASE("colours are around the text alone, and only where they are wanted") {
    Table table({"A", "B"});
    table.add({{.text = "gone", .tone = Tone::dim}, {.text = "x", .tone = Tone::bad}});
    table.add({{.text = "ok"}, {.text = "y", .tone = Tone::warning}});
    const std::vector<std::string> plain{"A     B", "gone  x", "ok    y"};
    CHECK(table.lines(false) == plain);
    const std::vector<std::string> coloured{"A     B", "\033[2mgone\033[0m  \033[31mx\033[0m",
                                            "ok    \033[33my\033[0m"};
    CHECK(table.lines(true) == coloured);
}

TEST_CASE("rounded sizes") {
    struct Row {
        std::uint64_t bytes;
        const char* text;
    };
    for (const auto& [bytes, text] : {Row{0, "0"},
                                      {1, "1"},
                                      {999, "999"},
                                      {1000, "1.0Ki"},
                                      {kibibyte, "1Ki"},
                                      {1536, "1.5Ki"},
                                      {64 * mebibyte, "64Mi"},
                                      {64 * mebibyte + 1, "64Mi"},
                                      {9 * mebibyte + 972 * kibibyte, "9.9Mi"},
                                      {9 * mebibyte + 973 * kibibyte, "10Mi"},
                                      {9 * mebibyte + 1000 * kibibyte, "10Mi"},
                                      {999 * mebibyte, "999Mi"},
                                      {1000 * mebibyte, "1.0Gi"},
                                      {gibibyte, "1Gi"},
                                      {1536 * mebibyte, "1.5Gi"},
                                      {UINT64_MAX, "16Ei"}}) {
        CAPTURE(bytes);
        CHECK(cli::rounded(Bytes{bytes}) == text);
        CHECK(cli::rounded(Bytes{bytes}).size() <= 5);
    }
}

TEST_CASE("used and limit") {
    CHECK(cli::use_of(Bytes{12 * mebibyte}, Bytes{64 * mebibyte}) == "12Mi/64Mi");
    CHECK(cli::use_of(Bytes{0}, std::optional<Bytes>()) == "0/-");
    CHECK(cli::use_of(Count{7}, Count{1'234'567}) == "7/1234567");
    CHECK(cli::use_of(Count{7}, std::optional<Count>()) == "7/-");
    CHECK(cli::tone_of(79, 100) == Tone::plain);
    CHECK(cli::tone_of(80, 100) == Tone::warning);
    CHECK(cli::tone_of(95, 100) == Tone::bad);
    CHECK(cli::tone_of(1000, 100) == Tone::bad);
    CHECK(cli::tone_of(1000, {}) == Tone::plain);
    CHECK(cli::tone_of(0, 0) == Tone::plain);
    CHECK(cli::tone_of(1, 0) == Tone::bad);
}
