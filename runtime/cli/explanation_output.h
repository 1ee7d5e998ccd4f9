// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/cli/explanation.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace bulkhead::cli {

// As bulkhead(1) has them. The line of a refusal is the last one.
[[nodiscard]] std::vector<std::string> lines_of(const Explanation& explanation);
[[nodiscard]] nlohmann::ordered_json json_of(const Explanation& explanation);

} // namespace bulkhead::cli
