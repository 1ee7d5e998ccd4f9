// SPDX-License-Identifier: Apache-2.0
// Giving disk limits back when the container, and maybe its layer, is gone.
#pragma once

#include "runtime/base/error.h"
#include "runtime/resources/disk_book.h"
#include "runtime/sys/quota.h"

namespace bulkhead::resources {

enum class Released {
    done,
    disk_not_here, // nothing of that UUID is mounted
    cannot_tell,   // several disks of that UUID are, and none says that it is the one
};

// Whether release_disk() would reach the disk and its quotas; nothing is changed.
[[nodiscard]] Result<Released> can_release_disk(const DiskHold& hold);

// Sets the limits found before, in place of those that are still ours. The file system is reached through the upper
// directory where that still carries the id, else through any mount of it.
//
// `records` is the device that the disk record lies on: where it is another, the limits are on disk when this returns,
// as the record, which is removed next, may not be gone before they are when the power fails.
[[nodiscard]] Result<Released> release_disk(const DiskHold& hold, dev_t records);

// What the layer holds now and may hold, by the quota. Code::system with ENOENT where the disk cannot be found.
[[nodiscard]] Result<sys::Quota> disk_usage(const DiskHold& hold);

} // namespace bulkhead::resources
