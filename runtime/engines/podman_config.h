// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// Where podman looks for a runtime ("crun", "runc") that its config does not speak of.
[[nodiscard]] std::vector<std::string> built_in_paths(std::string_view runtime);

} // namespace bulkhead::engines
