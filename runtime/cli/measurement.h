// SPDX-License-Identifier: Apache-2.0
// What `bulkhead metrics` says of a node. Pure: looking is done by inventory, counting by ledger.
#pragma once

#include "runtime/cli/exposition.h"
#include "runtime/inventory/inventory.h"
#include "runtime/ledger/counters.h"

#include <string>
#include <vector>

namespace bulkhead::cli {

struct Measurement {
    inventory::Inventory inventory;
    ledger::Counters counters;
    bool config_sound = true;
    std::string version;
};

enum class Detail { node, containers };

// As many samples on every node, and in the same order, but for Detail::containers: there each container has samples of
// its own as well.
[[nodiscard]] std::vector<MetricFamily> metrics_of(const Measurement& measurement, Detail detail);

} // namespace bulkhead::cli
