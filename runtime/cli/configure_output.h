// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/engines/configure.h"

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace bulkhead::cli {

// What was written, and what to run now.
[[nodiscard]] std::string summary_of(const engines::ConfigureOutcome& outcome);

// The same as patch(1) takes it, but for bytes that a terminal would obey: they are question marks.
[[nodiscard]] std::string patch_of(const engines::ConfigureOutcome& outcome);

[[nodiscard]] nlohmann::ordered_json json_of(const engines::ConfigureOutcome& outcome,
                                             const engines::ConfigureRequest& request);

} // namespace bulkhead::cli
