// SPDX-License-Identifier: Apache-2.0
// Changes in a JSON text that people write: every other byte stays as it is, and what is added is laid out as what
// stands beside it. What comes out is read again, and must say what was asked for and, but for that, what the text
// said.
#pragma once

#include "runtime/base/error.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// What is to be at the end of `path` in an object: a string, or where `members` has some an object of strings.
struct JsonValueText {
    std::string string;
    std::vector<std::pair<std::string, std::string>> members;
};

// nullopt: nothing is to be there.
struct JsonWish {
    std::vector<std::string> path;
    std::optional<JsonValueText> value;
};

// `text` is one object, or nothing but white space, which is an empty one. Objects on the way are made. An object that
// nothing is left in stays. Code::bad_config where it is no JSON, or something on the way is no object.
[[nodiscard]] Result<std::string> edit_json(std::string_view text, const std::vector<JsonWish>& wishes);

} // namespace bulkhead::engines
