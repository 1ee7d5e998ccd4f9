// SPDX-License-Identifier: Apache-2.0
// Changes in a JSON text that leave every other byte of it as it is: members that we do not know, numbers that no type
// of ours holds, escapes, order and white space are the engine's, and the runtime must get them. So nothing is parsed
// and written anew; a value's place in the text is found, and other text put there.
#pragma once

#include "runtime/oci/json.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::shim {

// The text that is to stand in place of a value, given what stands there, which is nullopt where the member is missing
// or null. No text: it stays as it is.
using Edited = Result<std::optional<std::string>>;
using Edit = std::function<Edited(const std::optional<oci::JsonValue>& present)>;

struct MemberEdit {
    std::string key;
    Edit edit;
};

// Puts `text`, which is JSON, whatever stands there.
[[nodiscard]] Edit put(std::string text);
// Edits members of an object; what is added goes to its end, and where there is none, one is made of what is added.
// Code::malformed_input where there is something else.
[[nodiscard]] Edit in_object(std::vector<MemberEdit> members);
// Edits each element of an array, where there is one.
[[nodiscard]] Edit in_elements(Edit edit);
// Adds `element` to the end of an array, unless `is_it` finds it there.
[[nodiscard]] Edit add_element(std::string element, std::function<Result<bool>(const oci::JsonValue&)> is_it);

// A whole text that is one object.
[[nodiscard]] Result<std::string> edit_text(std::string_view text, const std::vector<MemberEdit>& members);

// A string as JSON has it, with its quotes; TOML takes it for the same.
[[nodiscard]] std::string json_string(std::string_view text);

} // namespace bulkhead::shim
