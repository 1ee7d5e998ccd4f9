// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/ledger/gc.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace bulkhead::cli {

// What `bulkhead gc` gave back; of a dry run, what it would.
[[nodiscard]] std::vector<std::string> lines_of(const std::vector<ledger::GcItem>& items, bool dry_run);
[[nodiscard]] nlohmann::ordered_json json_of(const std::vector<ledger::GcItem>& items, bool dry_run);

} // namespace bulkhead::cli
