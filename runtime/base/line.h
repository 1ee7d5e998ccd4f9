// SPDX-License-Identifier: Apache-2.0
// The one line that an operator sees: `bulkhead: CONTAINER: TEXT`.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bulkhead {

constexpr std::size_t longest_line = 500; // bytes, without the line's end

// Printable ASCII stays; every other byte becomes '?'. What tenants wrote cannot move a cursor, begin a line of its own
// or imitate another record.
[[nodiscard]] std::string printable(std::string_view text);

// The same, of at most `longest_line` bytes; what is cut off ends in "...".
[[nodiscard]] std::string printable_line(std::string_view text);

// `bulkhead: CONTAINER: TEXT` as printable_line; without `container` where that is empty.
[[nodiscard]] std::string report_line(std::string_view container, std::string_view text);

} // namespace bulkhead
