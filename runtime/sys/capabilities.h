// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <span>

namespace bulkhead::sys {

// Gives up, for good, all capabilities (capabilities(7)) but `kept`, and of those what this process does not have. No
// program that it executes gets any back, nor privileges of another kind: no_new_privs is set as well.
[[nodiscard]] Result<void> keep_capabilities(std::span<const unsigned> kept);

} // namespace bulkhead::sys
