// SPDX-License-Identifier: Apache-2.0
// Containers that share a pid namespace: what one of them may do, the others may make it do (ptrace(2),
// /proc/PID/root).
#pragma once

#include "runtime/base/error.h"
#include "runtime/ledger/receipt.h"
#include "runtime/oci/confinement.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::ledger {

// Those that live in the pid namespace that a container joins.
struct PidNeighbours {
    std::vector<Receipt> receipts; // without whom we know nothing of, or whose receipt cannot be read
    bool with_owner = false;       // one of them made the namespace
};

// Reads every receipt of the node, where a container joins a pid namespace; else there are none.
[[nodiscard]] PidNeighbours pid_neighbours(const oci::Confinement& confinement, const std::string& state_dir);

// Whether all of them run behind the guard, and nobody without it among them. nullopt: that is not known, as the one
// that made the namespace, who can do for all others what they cannot, is none of them.
[[nodiscard]] std::optional<bool> all_guarded(const PidNeighbours& neighbours);
[[nodiscard]] bool any_guarded(const PidNeighbours& neighbours);

// Writes into the receipt of a guarded container, if it has no reason yet, why its disk limit can be taken off; where
// it has none, that of who joins it later. False where there is nothing to write.
[[nodiscard]] Result<bool> mark_escapable(const std::string& state_dir, const Receipt& receipt,
                                          const std::string& reason);

} // namespace bulkhead::ledger
