// SPDX-License-Identifier: Apache-2.0
// Patterns of names as operators write them: "*" is any run of characters, the empty one too, "?" any one character.
#pragma once

#include <string_view>

namespace bulkhead {

[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view text);

// Whether `general` matches all that `special`, a pattern as well, does. True is certain; false may be too careful
// where "*" and "?" stand side by side.
[[nodiscard]] bool glob_covers(std::string_view general, std::string_view special);

} // namespace bulkhead
