// SPDX-License-Identifier: Apache-2.0
// Gives back what containers left that are gone: killed with their runtime, created and never started, or lost with the
// node's power. Works from receipts and disk records alone; what neither names is somebody else's.
#pragma once

#include "runtime/base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::ledger {

struct GcOptions {
    bool dry_run = false;
    std::optional<std::string> forget; // UUID of a file system whose disk records are dropped, though not given back
    // Names of the declared segments that stay without members; nullopt where that is not known: then all stay that
    // were to be kept when they were made.
    std::optional<std::vector<std::string>> keep = std::nullopt;
};

struct GcItem {
    enum class Kind { receipt, disk_record, segment } kind = Kind::receipt;
    enum class Outcome {
        released,  // given back; in a dry run: would be
        forgotten, // dropped as `forget` says
        kept,      // cannot be given back now; `why` says what to do
        failed,    // cannot be read
    } outcome = Outcome::released;
    std::string container; // id; empty where it could not be read
    std::string name;      // of the receipt, segment or record: its path below the state directory or /var/lib/bulkhead
    std::string why;
};

// Safe beside running hooks: what one of them works on is left for the next time. Paths must be PID 1's: see
// sys::enter_mount_namespace_of_init(). Errors are those that end it all; one item hinders no other.
[[nodiscard]] Result<std::vector<GcItem>> collect_garbage(const std::string& state_dir, const std::string& disk_dir,
                                                          const GcOptions& options);

} // namespace bulkhead::ledger
