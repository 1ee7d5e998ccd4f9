// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/policy/config_file.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace bulkhead::cli {

// What is wrong with the node config; if nothing is, which files were read. `config` is where it is looked for.
[[nodiscard]] std::vector<std::string> lines_of(const policy::ConfigReading& reading, const std::string& config);
[[nodiscard]] nlohmann::ordered_json json_of(const policy::ConfigReading& reading);

} // namespace bulkhead::cli
