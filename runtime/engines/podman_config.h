// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/engines/config_text.h"

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// Where podman looks for a runtime ("crun", "runc") that its config does not speak of.
[[nodiscard]] std::vector<std::string> built_in_paths(std::string_view runtime);

// All that its config is made of.
void read_podman_files(TomlFiles& files, const std::string& main);

} // namespace bulkhead::engines
