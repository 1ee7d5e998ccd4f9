// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/release.h"

namespace bulkhead::ledger {

namespace {

// Whether there was one. The id may have a later owner: a container that started on the same layer.
Result<bool> release_disk(const Receipt& receipt, DiskRecords& disks) {
    if (!receipt.disk) {
        return false;
    }
    TRY_ASSIGN(const auto record, disks.read(receipt.disk->filesystem, receipt.disk->id));
    if (!record || record->owner != static_cast<const Owner&>(receipt)) {
        return false;
    }
    TRY(disks.release(*record));
    return true;
}

// How many ended with it.
Result<std::size_t> leave_segments(const Receipt& receipt, SegmentRecords& segments) {
    Result<std::size_t> ended;
    for (const auto& segment : receipt.segments) {
        auto left = in_context("segment " + segment.place.name, segments.leave_as(receipt, segment.place));
        if (ended && !left) {
            ended = std::unexpected(std::move(left).error());
        } else if (ended && *left) {
            ++*ended;
        }
    }
    return ended;
}

} // namespace

Result<ReleasedRecords> release(const Receipt& receipt, DiskRecords& disks, SegmentRecords& segments) {
    const auto left = leave_segments(receipt, segments);
    const auto disk = in_context("disk", release_disk(receipt, disks));
    const auto shm = receipt.shm ? in_context("/dev/shm", resources::release_shm(*receipt.shm)) : Result<void>{};
    const auto cgroup = in_context("cgroup", resources::release_cgroup(receipt.cgroup));
    TRY(left);
    TRY(disk);
    TRY(shm);
    TRY(cgroup);
    return ReleasedRecords{.disks = *disk ? 1UL : 0UL, .segments = *left};
}

} // namespace bulkhead::ledger
