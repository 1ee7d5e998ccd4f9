// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/quantity.h"

#include <doctest/doctest.h>
#include <vector>

using namespace bulkhead;

namespace {

constexpr std::uint64_t largest = 9223372036854775807U;
const std::string too_large = "is larger than 9223372036854775807; write less";
const std::string no_digit = "does not begin with a digit; write a whole number, or leave it out";
const std::string fraction = "fractions are not accepted; write a whole number with a smaller unit";

struct Accepted {
    std::string text;
    std::uint64_t value;
};

struct Refused {
    std::string text;
    std::string what;
};

std::string unknown_unit(const std::string& suffix) {
    return "unknown unit \"" + suffix + "\"; write bytes, or k, M, G, T (powers of 1000), Ki, Mi, Gi, Ti";
}

template <typename Parse>
void check_refused(const std::vector<Refused>& table, Parse parse) {
    for (const auto& row : table) {
        CAPTURE(row.text);
        const auto result = parse(row.text);
        REQUIRE(!result);
        CHECK(result.error().what == row.what);
        CHECK(result.error().code == Code::invalid_annotation);
        CHECK(result.error().number == 0);
    }
}

} // namespace

TEST_CASE("parse_bytes takes digits with every unit") {
    const std::vector<Accepted> table{
        {"0", 0},
        {"1", 1},
        {"00010", 10},
        {"5k", 5'000},
        {"5M", 5'000'000},
        {"5G", 5'000'000'000},
        {"5T", 5'000'000'000'000},
        {"5Ki", 5'120},
        {"5Mi", 5'242'880},
        {"5Gi", 5'368'709'120},
        {"5Ti", 5'497'558'138'880},
        {"0Gi", 0},
        {"9223372036854775807", largest},
        {"9223372036854775k", 9'223'372'036'854'775'000U},
        {"9223372036854M", 9'223'372'036'854'000'000U},
        {"9223372036G", 9'223'372'036'000'000'000U},
        {"9223372T", 9'223'372'000'000'000'000U},
        {"9007199254740991Ki", largest - 1023},
        {"8796093022207Mi", largest - 1'048'575},
        {"8589934591Gi", largest - 1'073'741'823},
        {"8388607Ti", largest - 1'099'511'627'775},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        const auto result = parse_bytes(row.text);
        REQUIRE(result);
        CHECK(result->value == row.value);
    }
}

TEST_CASE("parse_bytes refuses what Kubernetes and docker read differently, with the two ways out") {
    check_refused({{"512m", "\"m\" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912"},
                   {"512g", "\"g\" is nothing in Kubernetes and GiB in docker; write 512Gi or 549755813888"},
                   {"1m", "\"m\" is milli in Kubernetes and MiB in docker; write 1Mi or 1048576"},
                   {"8796093022207m",
                    "\"m\" is milli in Kubernetes and MiB in docker; write 8796093022207Mi or 9223372036853727232"},
                   {"8589934591g",
                    "\"g\" is nothing in Kubernetes and GiB in docker; write 8589934591Gi or 9223372035781033984"}},
                  parse_bytes);
}

TEST_CASE("parse_bytes refuses overflow at each unit") {
    check_refused({{"9223372036854775808", too_large},
                   {"18446744073709551615", too_large},
                   {"18446744073709551616", too_large},
                   {"99999999999999999999999999999999", too_large},
                   {"9223372036854776k", too_large},
                   {"9223372036855M", too_large},
                   {"9223372037G", too_large},
                   {"9223373T", too_large},
                   {"9007199254740992Ki", too_large},
                   {"8796093022208Mi", too_large},
                   {"8589934592Gi", too_large},
                   {"8388608Ti", too_large},
                   {"18014398509481985Ki", too_large},
                   {"16777217Ti", too_large}},
                  parse_bytes);
}

TEST_CASE("parse_bytes refuses everything that is not one whole number") {
    check_refused({{"", "is empty; write a number"},
                   {"-5", "is negative; write a positive number, or leave it out"},
                   {"-0", "is negative; write a positive number, or leave it out"},
                   {"-", "is negative; write a positive number, or leave it out"},
                   {"+5", no_digit},
                   {" 5", no_digit},
                   {"\n5", no_digit},
                   {"Mi", no_digit},
                   {".5Gi", no_digit},
                   {"max", no_digit},
                   {"\xd9\xa5Mi", no_digit},   // ARABIC-INDIC DIGIT FIVE
                   {"\xef\xbc\x95", no_digit}, // FULLWIDTH DIGIT FIVE
                   {"1.5Gi", fraction},
                   {"1,5Gi", fraction},
                   {"1.", fraction},
                   {"1\xd9\xa5", unknown_unit("\xd9\xa5")},
                   {"5 ", unknown_unit(" ")},
                   {"5\n", unknown_unit("\n")},
                   {"5 Mi", unknown_unit(" Mi")},
                   {"5Mi ", unknown_unit("Mi ")},
                   {"5K", unknown_unit("K")},
                   {"5KB", unknown_unit("KB")},
                   {"5kb", unknown_unit("kb")},
                   {"5MiB", unknown_unit("MiB")},
                   {"5mi", unknown_unit("mi")},
                   {"5gi", unknown_unit("gi")},
                   {"5ki", unknown_unit("ki")},
                   {"5t", unknown_unit("t")},
                   {"5b", unknown_unit("b")},
                   {"5P", unknown_unit("P")},
                   {"5Ei", unknown_unit("Ei")},
                   {"5%", unknown_unit("%")},
                   {"1e3", unknown_unit("e3")},
                   {"0x10", unknown_unit("x10")},
                   {"5MiMi", unknown_unit("MiMi")},
                   {"5m5", unknown_unit("m5")},
                   {"1_000", unknown_unit("_000")},
                   {"5" + std::string(70, 'u'), unknown_unit(std::string(64, 'u') + "...")}},
                  parse_bytes);
}

TEST_CASE("parse_bytes does not stop at a NUL") {
    const auto result = parse_bytes(std::string_view("5\0Mi", 4));
    REQUIRE(!result);
    CHECK(result.error().what == unknown_unit(std::string("\0Mi", 3)));
}

TEST_CASE("parse_count takes digits only") {
    CHECK(parse_count("0")->value == 0);
    CHECK(parse_count("4096")->value == 4096);
    CHECK(parse_count("9223372036854775807")->value == largest);
    check_refused({{"", "is empty; write a number"},
                   {"-1", "is negative; write a positive number, or leave it out"},
                   {"+1", no_digit},
                   {" 1", no_digit},
                   {"max", no_digit},
                   {"1k", "has \"k\" after the number; write digits only"},
                   {"1 ", "has \" \" after the number; write digits only"},
                   {"1.5", "has \".5\" after the number; write digits only"},
                   {"0x10", "has \"x10\" after the number; write digits only"},
                   {"9223372036854775808", too_large},
                   {"18446744073709551616", too_large}},
                  parse_count);
}

TEST_CASE("parse_boolean takes true and false") {
    CHECK(parse_boolean("true").value());
    CHECK(!parse_boolean("false").value());
    const std::string what = "is neither \"true\" nor \"false\"; write one of them";
    check_refused(
        {{"", what}, {"1", what}, {"0", what}, {"True", what}, {"TRUE", what}, {"yes", what}, {"true ", what}},
        parse_boolean);
}

TEST_CASE("parse_unsigned takes the whole of a text") {
    CHECK(parse_unsigned("0").value() == 0);
    CHECK(parse_unsigned("18446744073709551615").value() == UINT64_MAX);
    for (const std::string text : {"", "-1", "+1", " 1", "1 ", "1\n", "0x1", "max", "18446744073709551616"}) {
        CAPTURE(text);
        const auto result = parse_unsigned(text);
        REQUIRE(!result);
        CHECK(result.error().what == "\"" + text + "\" is not a number");
    }
}

TEST_CASE("format gives the shortest exact form") {
    const std::vector<Accepted> table{{"0", 0},
                                      {"1", 1},
                                      {"1000", 1000},
                                      {"1023", 1023},
                                      {"1Ki", 1024},
                                      {"1025", 1025},
                                      {"1536Ki", 1'572'864},
                                      {"512Mi", 536'870'912},
                                      {"1Gi", 1'073'741'824},
                                      {"1Ti", 1'099'511'627'776},
                                      {"1025Gi", 1'100'585'369'600},
                                      {"9223372036854775807", largest}};
    for (const auto& row : table) {
        CHECK(format(Bytes{row.value}) == row.text);
        CHECK(parse_bytes(row.text)->value == row.value);
    }
}
