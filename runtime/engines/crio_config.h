// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/engines/toml.h"

namespace bulkhead::engines {

// The table of the handlers.
[[nodiscard]] TomlPath crio_handlers();
// How a drop-in goes over what was read before it.
[[nodiscard]] MergeRules crio_rules();

} // namespace bulkhead::engines
