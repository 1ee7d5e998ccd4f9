// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/quantity.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <optional>

namespace bulkhead {

namespace {

struct Unit {
    std::string_view suffix;
    std::uint64_t factor;
};

// Largest first: format() takes the first that divides.
constexpr std::array<Unit, 4> binary_units{
    {{"Ti", 1ULL << 40U}, {"Gi", 1ULL << 30U}, {"Mi", 1ULL << 20U}, {"Ki", 1ULL << 10U}}};
constexpr std::array<Unit, 4> decimal_units{
    {{"T", 1'000'000'000'000}, {"G", 1'000'000'000}, {"M", 1'000'000}, {"k", 1'000}}};
constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();

std::unexpected<Error> invalid(std::string what) { return fail(Code::invalid_annotation, std::move(what)); }

std::unexpected<Error> too_large() { return invalid("is larger than 9223372036854775807; write less"); }

Result<std::uint64_t> parse_digits(std::string_view digits) {
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (failure == std::errc::result_out_of_range || (failure == std::errc{} && value > largest)) {
        return too_large();
    }
    if (failure != std::errc{} || end != digits.data() + digits.size()) {
        return invalid("is not a number of decimal digits");
    }
    return value;
}

std::optional<std::uint64_t> factor_of(std::string_view suffix) {
    if (suffix.empty()) {
        return 1;
    }
    for (const auto* units : {&binary_units, &decimal_units}) {
        for (const Unit& unit : *units) {
            if (unit.suffix == suffix) {
                return unit.factor;
            }
        }
    }
    return std::nullopt;
}

// The ways out of a suffix that means one thing in Kubernetes and another in docker.
std::unexpected<Error> ambiguous(std::string_view digits, char suffix) {
    const bool mega = suffix == 'm';
    const std::string number(digits);
    std::string ways = "write " + number + (mega ? "Mi" : "Gi");
    const auto value = parse_digits(digits);
    const std::uint64_t factor = mega ? 1ULL << 20U : 1ULL << 30U;
    if (value && *value <= largest / factor) {
        ways += " or " + std::to_string(*value * factor);
    }
    return invalid(mega ? "\"m\" is milli in Kubernetes and MiB in docker; " + ways
                        : "\"g\" is nothing in Kubernetes and GiB in docker; " + ways);
}

std::unexpected<Error> bad_suffix(std::string_view digits, std::string_view suffix) {
    if (suffix == "m" || suffix == "g") {
        return ambiguous(digits, suffix.front());
    }
    if (suffix.front() == '.' || suffix.front() == ',') {
        return invalid("fractions are not accepted; write a whole number with a smaller unit");
    }
    return invalid("unknown unit " + in_quotes(suffix) +
                   "; write bytes, or k, M, G, T (powers of 1000), Ki, Mi, Gi, Ti");
}

Result<std::string_view> leading_digits(std::string_view text) {
    if (text.empty()) {
        return invalid("is empty; write a number");
    }
    if (text.front() == '-') {
        return invalid("is negative; write a positive number, or leave it out");
    }
    const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
    if (digits.empty()) {
        return invalid("does not begin with a digit; write a whole number, or leave it out");
    }
    return digits;
}

} // namespace

Result<Bytes> parse_bytes(std::string_view text) {
    TRY_ASSIGN(const auto digits, leading_digits(text));
    const auto suffix = text.substr(digits.size());
    const auto factor = factor_of(suffix);
    if (!factor) {
        return bad_suffix(digits, suffix);
    }
    TRY_ASSIGN(const auto number, parse_digits(digits));
    if (number > largest / *factor) {
        return too_large();
    }
    return Bytes{number * *factor};
}

Result<Count> parse_count(std::string_view text) {
    TRY_ASSIGN(const auto digits, leading_digits(text));
    if (digits.size() != text.size()) {
        return invalid("has " + in_quotes(text.substr(digits.size())) + " after the number; write digits only");
    }
    TRY_ASSIGN(const auto number, parse_digits(digits));
    return Count{number};
}

Result<bool> parse_boolean(std::string_view text) {
    if (text != "true" && text != "false") {
        return invalid(R"(is neither "true" nor "false"; write one of them)");
    }
    return text == "true";
}

Result<std::uint64_t> parse_unsigned(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size() || text.empty()) {
        return fail(Code::system, in_quotes(text) + " is not a number");
    }
    return value;
}

std::string format(Bytes bytes) {
    for (const Unit& unit : binary_units) {
        if (bytes.value != 0 && bytes.value % unit.factor == 0) {
            return std::to_string(bytes.value / unit.factor).append(unit.suffix);
        }
    }
    return std::to_string(bytes.value);
}

} // namespace bulkhead
