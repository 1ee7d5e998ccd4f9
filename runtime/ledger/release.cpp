// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/release.h"

namespace bulkhead::ledger {

namespace {

// The id may have a later owner: a container that started on the same layer.
Result<void> release_disk(const Receipt& receipt, DiskRecords& disks) {
    TRY_ASSIGN(const auto record, disks.read(receipt.disk->filesystem, receipt.disk->id));
    if (!record || record->owner != static_cast<const Owner&>(receipt)) {
        return {};
    }
    return disks.release(*record);
}

Result<void> leave_segments(const Receipt& receipt, SegmentRecords& segments) {
    Result<void> first;
    for (const auto& segment : receipt.segments) {
        auto left = segments.leave_as(receipt, segment.place);
        if (first && !left) {
            first = in_context("segment " + segment.place.name, std::move(left));
        }
    }
    return first;
}

} // namespace

Result<void> release(const Receipt& receipt, DiskRecords& disks, SegmentRecords& segments) {
    const auto left = leave_segments(receipt, segments);
    const auto disk = receipt.disk ? in_context("disk", release_disk(receipt, disks)) : Result<void>{};
    const auto shm = receipt.shm ? in_context("/dev/shm", resources::release_shm(*receipt.shm)) : Result<void>{};
    const auto cgroup = in_context("cgroup", resources::release_cgroup(receipt.cgroup));
    TRY(left);
    TRY(disk);
    TRY(shm);
    return cgroup;
}

} // namespace bulkhead::ledger
