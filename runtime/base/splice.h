// SPDX-License-Identifier: Apache-2.0
// Changes in a text that leave every other byte of it as it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// What is to stand in place of `size` bytes of a text; of none, it is inserted.
struct Splice {
    std::size_t at = 0;
    std::size_t size = 0;
    std::string text;
};

// They lie within `text`, in any order, and do not overlap.
[[nodiscard]] std::string spliced(std::string_view text, std::vector<Splice> splices);

} // namespace bulkhead
