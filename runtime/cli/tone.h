// SPDX-License-Identifier: Apache-2.0
// Colours of what is printed for people.
#pragma once

#include <string>
#include <string_view>

namespace bulkhead::cli {

enum class Tone { plain, dim, warning, bad };

// Whether standard output is a terminal and NO_COLOR is not set (https://no-color.org).
[[nodiscard]] bool wants_colours();

// `text` between a terminal's escapes for its tone; as it is where no colours are wanted.
[[nodiscard]] std::string painted(std::string_view text, Tone tone, bool colours);

} // namespace bulkhead::cli
