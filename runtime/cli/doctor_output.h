// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/doctor/check.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace bulkhead::cli {

// By engine, with a summary as the last line. Of an ok one, what was looked at is said only if `verbose`. Colours are
// the only escapes for terminals in them.
[[nodiscard]] std::vector<std::string> lines_of(const std::vector<doctor::Check>& checks, bool verbose, bool colours);
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<doctor::Check>& checks);

} // namespace bulkhead::cli
