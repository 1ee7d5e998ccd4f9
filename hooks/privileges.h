// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

namespace bulkhead::hook {

// Gives up, before anything of a container's is looked at, all of root's privileges that the hook does without.
[[nodiscard]] Result<void> drop_privileges();

} // namespace bulkhead::hook
