// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/engines/config_text.h"
#include "runtime/engines/toml.h"

#include <string>

namespace bulkhead::engines {

// The table of the handlers.
[[nodiscard]] TomlPath crio_handlers();
// How a drop-in goes over what was read before it.
[[nodiscard]] MergeRules crio_rules();

// All that its config is made of.
void read_crio_files(TomlFiles& files, const std::string& main);

} // namespace bulkhead::engines
