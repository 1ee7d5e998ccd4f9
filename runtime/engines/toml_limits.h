// SPDX-License-Identifier: Apache-2.0
// What is asked of a TOML text before it is parsed: the parser recurses as deep as the text says, and looks through all
// tables for each new one.
#pragma once

#include "runtime/base/error.h"

#include <string_view>

namespace bulkhead::engines {

// Code::bad_config where tables and arrays lie more than 64 deep in one another, or where there are more than 5000
// tables with a header, or as many keys. Text that is no TOML may pass.
[[nodiscard]] Result<void> require_modest_toml(std::string_view text);

} // namespace bulkhead::engines
