// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <cstdint>

namespace bulkhead::sys {

// A number from 0 to `limit` - 1 that nobody can foresee: getrandom(2). `limit` is not 0.
[[nodiscard]] Result<std::uint32_t> random_below(std::uint32_t limit);

} // namespace bulkhead::sys
