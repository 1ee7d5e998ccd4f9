// SPDX-License-Identifier: Apache-2.0
// What list, inspect, segment and top print, as bulkhead(1) and config/bulkhead.output.schema.json have it. Pure.
#pragma once

#include "runtime/cli/table.h"
#include "runtime/inventory/inventory.h"
#include "runtime/ledger/last_error.h"

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::cli {

// One container with the segments it is in, and its last refusal, if that is known.
struct Inspection {
    inventory::Container container;
    std::vector<inventory::Segment> segments;
    std::optional<ledger::LastError> last_refusal;
};

// As engines show ids: of a long hexadecimal one the first 12 digits. Names that people chose stay whole, as they may
// begin alike.
[[nodiscard]] std::string short_id(const std::string& id);

// "shop/front/web": what Kubernetes calls it; empty outside.
[[nodiscard]] std::string name_of(const inventory::Identity& identity);
[[nodiscard]] const char* word_for(inventory::Status status);
[[nodiscard]] const char* word_for(inventory::Guard guard);

[[nodiscard]] Table table_of_containers(const inventory::Inventory& inventory, bool whole_ids);
[[nodiscard]] Table table_of_segments(const std::vector<inventory::Segment>& segments);
[[nodiscard]] std::vector<std::string> lines_of(const Inspection& inspection);

[[nodiscard]] nlohmann::ordered_json json_of_containers(const inventory::Inventory& inventory);
[[nodiscard]] nlohmann::ordered_json json_of_segments(const inventory::Inventory& inventory);
// Both together.
[[nodiscard]] nlohmann::ordered_json json_of(const inventory::Inventory& inventory);
[[nodiscard]] nlohmann::ordered_json json_of(const Inspection& inspection);
// null where there is none.
[[nodiscard]] nlohmann::ordered_json json_of_refusal(const std::optional<ledger::LastError>& refusal);

} // namespace bulkhead::cli
