// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace bulkhead {

// Which of `known` was probably meant by `word`, which is none of them: fewest letters to change. Empty where none is
// near.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> known);

} // namespace bulkhead
