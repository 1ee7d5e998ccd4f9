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

// The receipts of those that live in the pid namespace that a container joins; empty where it joins none. Reads every
// receipt of the node. Whom we know nothing of is not among them, nor who cannot be read.
[[nodiscard]] std::vector<Receipt> pid_neighbours(const oci::Confinement& confinement, const std::string& state_dir);

// Whether all of them run behind the guard; nullopt: there is none.
[[nodiscard]] std::optional<bool> all_guarded(const std::vector<Receipt>& receipts);

// Writes into the receipt of a container with a disk limit, if it has no reason yet, why that can be taken off. False
// where there is nothing to write.
[[nodiscard]] Result<bool> mark_escapable(const std::string& state_dir, const Receipt& receipt,
                                          const std::string& reason);

} // namespace bulkhead::ledger
