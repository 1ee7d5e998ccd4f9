// SPDX-License-Identifier: Apache-2.0
// JSON as the hook needs it: a few members out of a text that is mostly somebody else's business. Objects and arrays
// are walked one level at a time over the raw bytes; what is not asked for is skipped by brackets and quotes alone,
// without being decoded (with a whole parse, config.json would cost more than all the rest of the hook). Scalars that
// are wanted are decoded by nlohmann/json, whose exceptions end here.
//
// Every failure is Code::malformed_input and names the member. Refused: nesting deeper than `deepest_nesting`, a key
// that stands twice in an object we walk, and NUL in strings (they become paths).
#pragma once

#include "runtime/base/error.h"

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace bulkhead::oci {

constexpr std::size_t deepest_nesting = 64;

class JsonObject;

// A value as it stands in the text, of which it is a view. `name` is for messages: "linux.cgroupsPath".
class JsonValue {
public:
    JsonValue(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] bool is_null() const { return text_ == "null"; }
    [[nodiscard]] bool is_object() const { return text_.starts_with('{'); }
    // The value's own bytes.
    [[nodiscard]] std::string_view text() const { return text_; }
    [[nodiscard]] Result<std::string> string() const;
    [[nodiscard]] Result<std::int64_t> integer() const;
    [[nodiscard]] Result<std::uint64_t> unsigned_integer() const;
    [[nodiscard]] Result<bool> boolean() const;
    [[nodiscard]] Result<JsonObject> object() const;
    [[nodiscard]] Result<std::vector<JsonValue>> array() const;

    [[nodiscard]] std::unexpected<Error> malformed(std::string_view what) const;

private:
    std::string_view text_;
    std::string name_;
};

class JsonObject {
public:
    // A whole text that is one object, with nothing but white space around it. `name` as in JsonValue, may be empty.
    [[nodiscard]] static Result<JsonObject> parse(std::string_view text, std::string_view name);
    // Nor of a string that is gone with the call: it is a view of its text.
    template <typename Text>
        requires std::same_as<std::remove_cv_t<Text>, std::string>
    static Result<JsonObject> parse(Text&& text, std::string_view name) = delete;

    // nullopt where the member is missing or null: Go's encoders write either.
    [[nodiscard]] std::optional<JsonValue> find(std::string_view key) const;
    // The member, which must be a string.
    [[nodiscard]] Result<std::string> required_string(std::string_view key) const;

    struct Member {
        std::string_view key; // the text's own bytes too, but for one with escapes
        std::string_view value;
    };
    [[nodiscard]] const std::vector<Member>& members() const { return members_; }
    [[nodiscard]] JsonValue value_of(const Member& member) const;

private:
    std::string name_;
    std::vector<Member> members_;                             // sorted by key
    std::vector<std::unique_ptr<const std::string>> decoded_; // keys that had escapes
};

} // namespace bulkhead::oci
