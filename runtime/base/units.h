// SPDX-License-Identifier: Apache-2.0
// Quantities that must not be mixed up are types of their own.
#pragma once

#include <compare>
#include <cstdint>

namespace bulkhead {

// A number of bytes. What a kernel file calls "max" is not a Bytes: it is the absence of one.
struct Bytes {
    std::uint64_t value = 0;
    auto operator<=>(const Bytes&) const = default;
};

// To whole pages.
[[nodiscard]] constexpr Bytes round_up(Bytes size, Bytes page) {
    return Bytes{(size.value + page.value - 1) / page.value * page.value};
}
[[nodiscard]] constexpr Bytes round_down(Bytes size, Bytes page) { return Bytes{size.value / page.value * page.value}; }

// A number of things: processes, inodes.
struct Count {
    std::uint64_t value = 0;
    auto operator<=>(const Count&) const = default;
};

} // namespace bulkhead
