// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/receipt.h"
#include "runtime/ledger/segment_records.h"

#include <cstddef>

namespace bulkhead::ledger {

// What of a container had a record of its own and is gone with it.
struct ReleasedRecords {
    std::size_t disks = 0;
    std::size_t segments = 0; // that it was the last member of
};

// Gives back everything the receipt names; nothing of it is an error where it is gone or another's by now. May be
// called again and again. What cannot be undone now hinders nothing else; the first such error is returned.
[[nodiscard]] Result<ReleasedRecords> release(const Receipt& receipt, DiskRecords& disks, SegmentRecords& segments);

} // namespace bulkhead::ledger
