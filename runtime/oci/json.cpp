// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace bulkhead::oci {

namespace {

// Sets of characters that something ends at, by bits. (find_first_of() calls memchr() for each byte that it passes;
// that was more than half of all that the hook computes.)
using Set = std::uint8_t;
constexpr Set quote_or_bracket = 1;
constexpr Set end_of_scalar = 2;
constexpr Set white_space = 4;

constexpr auto sets_of = [] {
    std::array<Set, 256> table{};
    const auto add = [&](std::string_view characters, Set set) {
        for (const char c : characters) {
            table[static_cast<unsigned char>(c)] |= set;
        }
    };
    add("\"{}[]", quote_or_bracket);
    add(",]} \t\n\r\"{[:", end_of_scalar); // the last four stand in no scalar, and would hide what a bracket ends at
    add(" \t\n\r", white_space);
    return table;
}();

bool is_in(Set set, char c) { return (sets_of[static_cast<unsigned char>(c)] & set) != 0; }

// Of the first character in `set`, or the size.
std::size_t find(Set set, std::string_view text) {
    std::size_t at = 0;
    while (at < text.size() && !is_in(set, text[at])) {
        ++at;
    }
    return at;
}

using DecodedKeys = std::vector<std::unique_ptr<const std::string>>;

std::unexpected<Error> malformed_at(std::string_view name, std::string_view what) {
    return fail(Code::malformed_input, (name.empty() ? "JSON" : std::string(name)).append(" ").append(what));
}

// Walks over the bytes of a text. After an error its position means nothing.
class Scanner {
public:
    explicit Scanner(std::string_view text) : rest_(text) {}

    void skip_white_space() {
        while (!rest_.empty() && is_in(white_space, rest_.front())) {
            rest_.remove_prefix(1);
        }
    }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] bool at(char c) const { return rest_.starts_with(c); }

    bool take(char c) {
        const bool there = at(c);
        rest_.remove_prefix(there ? 1 : 0);
        return there;
    }

    // A string with its quotes, or nothing where it does not end.
    [[nodiscard]] std::optional<std::string_view> take_string() {
        if (!at('"')) {
            return std::nullopt;
        }
        for (auto end = rest_.find('"', 1); end != std::string_view::npos; end = rest_.find('"', end + 1)) {
            std::size_t escapes = 0;
            while (rest_[end - 1 - escapes] == '\\') { // the quote that it begins with ends this
                ++escapes;
            }
            if (escapes % 2 == 0) { // else the last one is the quote's
                return take_bytes(end + 1);
            }
        }
        return std::nullopt;
    }

    // One value of any kind, or nothing where brackets do not match, strings do not end or the nesting is too deep.
    [[nodiscard]] std::optional<std::string_view> take_value() {
        if (at('"')) {
            return take_string();
        }
        if (at('{') || at('[')) {
            return take_nested();
        }
        const auto end = find(end_of_scalar, rest_);
        return end == 0 ? std::nullopt : std::optional(take_bytes(end));
    }

private:
    std::string_view take_bytes(std::size_t count) {
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(taken.size());
        return taken;
    }

    std::optional<std::string_view> take_nested() {
        const auto begin = rest_;
        std::array<char, deepest_nesting> closing{};
        std::size_t depth = 0;
        do {
            rest_.remove_prefix(find(quote_or_bracket, rest_));
            if (rest_.empty()) {
                return std::nullopt;
            }
            if (at('"')) {
                if (!take_string()) {
                    return std::nullopt;
                }
                continue;
            }
            const char bracket = take_bytes(1).front();
            if (bracket == '{' || bracket == '[') {
                if (depth == closing.size()) {
                    return std::nullopt;
                }
                closing[depth++] = bracket == '{' ? '}' : ']';
            } else if (closing[--depth] != bracket) {
                return std::nullopt;
            }
        } while (depth > 0);
        return begin.substr(0, begin.size() - rest_.size());
    }

    std::string_view rest_;
};

// Without escapes and control characters the bytes between the quotes are the string; UTF-8 is not looked at, as every
// string that we use is held against a narrower grammar or handed to the kernel as it is.
bool is_plain(std::string_view quoted) {
    return std::ranges::none_of(quoted, [](char c) { return c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

Result<std::string> decode_string(std::string_view text, std::string_view name) {
    if (text.size() < 2 || text.front() != '"') {
        return malformed_at(name, "is not a string");
    }
    if (is_plain(text)) {
        return std::string(text.substr(1, text.size() - 2));
    }
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_string()) {
        return malformed_at(name, "is not a valid string");
    }
    auto string = json.get<std::string>();
    if (string.contains('\0')) {
        return malformed_at(name, "has a NUL character");
    }
    return string;
}

template <typename Integer>
Result<Integer> decode_integer(std::string_view text, std::string_view name) {
    Integer value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size()) {
        return malformed_at(name, "is not an integer, or out of range");
    }
    return value;
}

std::string joined(std::string_view parent, std::string_view key) {
    std::string name(parent);
    return name.append(parent.empty() ? "" : ".").append(key);
}

// A key between its quotes; what has escapes is decoded into `decoded`.
Result<std::string_view> take_key(Scanner& scanner, std::string_view name, DecodedKeys& decoded) {
    const auto key = scanner.take_string();
    scanner.skip_white_space();
    if (!key || !scanner.take(':')) {
        return malformed_at(name, "is malformed or cut off");
    }
    if (is_plain(*key)) {
        return key->substr(1, key->size() - 2);
    }
    TRY_ASSIGN(auto string, decode_string(*key, joined(name, "KEY")));
    return *decoded.emplace_back(std::make_unique<const std::string>(std::move(string)));
}

// One `"key": value` of the object `name`.
Result<JsonObject::Member> take_member(Scanner& scanner, std::string_view name, DecodedKeys& decoded) {
    TRY_ASSIGN(const auto key, take_key(scanner, name, decoded));
    scanner.skip_white_space();
    const auto value = scanner.take_value();
    if (!value) {
        return malformed_at(joined(name, key), "is malformed, cut off or nested too deeply");
    }
    return JsonObject::Member{.key = key, .value = *value};
}

// Calls `take_one` for each element between the brackets, commas in between.
template <typename TakeOne>
Result<void> walk(std::string_view text, char open, char close, std::string_view name, TakeOne take_one) {
    Scanner scanner(text);
    scanner.skip_white_space();
    if (!scanner.take(open)) {
        return malformed_at(name, open == '{' ? "is not an object" : "is not an array");
    }
    scanner.skip_white_space();
    while (!scanner.take(close)) {
        TRY(take_one(scanner));
        scanner.skip_white_space();
        const bool more = scanner.take(',');
        scanner.skip_white_space();
        if (more == scanner.at(close)) {
            return malformed_at(name, "is malformed or cut off");
        }
    }
    scanner.skip_white_space();
    if (!scanner.at_end()) {
        return malformed_at(name, "has something after its end");
    }
    return {};
}

} // namespace

std::unexpected<Error> JsonValue::malformed(std::string_view what) const { return malformed_at(name_, what); }

Result<std::string> JsonValue::string() const { return decode_string(text_, name_); }

Result<std::int64_t> JsonValue::integer() const { return decode_integer<std::int64_t>(text_, name_); }

Result<std::uint64_t> JsonValue::unsigned_integer() const { return decode_integer<std::uint64_t>(text_, name_); }

Result<bool> JsonValue::boolean() const {
    if (text_ != "true" && text_ != "false") {
        return malformed("is neither true nor false");
    }
    return text_ == "true";
}

Result<JsonObject> JsonValue::object() const { return JsonObject::parse(text_, name_); }

Result<std::vector<JsonValue>> JsonValue::array() const {
    std::vector<JsonValue> elements;
    TRY(walk(text_, '[', ']', name_, [&](Scanner& scanner) -> Result<void> {
        const auto value = scanner.take_value();
        if (!value) {
            return malformed("is malformed, cut off or nested too deeply");
        }
        elements.emplace_back(*value, name_ + "[" + std::to_string(elements.size()) + "]");
        return {};
    }));
    return elements;
}

Result<JsonObject> JsonObject::parse(std::string_view text, std::string_view name) {
    JsonObject object;
    object.name_ = name;
    object.members_.reserve(8); // as many as most have
    TRY(walk(text, '{', '}', name, [&](Scanner& scanner) -> Result<void> {
        TRY_ASSIGN(const auto member, take_member(scanner, name, object.decoded_));
        object.members_.push_back(member);
        return {};
    }));
    std::ranges::sort(object.members_, {}, &Member::key);
    const auto twice = std::ranges::adjacent_find(object.members_, {}, &Member::key);
    if (twice != object.members_.end()) {
        return malformed_at(name, "has the key " + in_quotes(twice->key) + " twice");
    }
    return object;
}

std::optional<JsonValue> JsonObject::find(std::string_view key) const {
    const auto found = std::ranges::lower_bound(members_, key, {}, &Member::key);
    if (found == members_.end() || found->key != key || found->value == "null") {
        return std::nullopt;
    }
    return value_of(*found);
}

Result<std::string> JsonObject::required_string(std::string_view key) const {
    const auto value = find(key);
    if (!value) {
        return malformed_at(joined(name_, key), "is missing");
    }
    return value->string();
}

JsonValue JsonObject::value_of(const Member& member) const { return {member.value, joined(name_, member.key)}; }

} // namespace bulkhead::oci
