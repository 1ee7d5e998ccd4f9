// SPDX-License-Identifier: Apache-2.0
// Project quotas by descriptor: quotactl_fd(2) (Linux 5.14) with the Q_X* commands of quotactl(2), which serve XFS and
// ext4 alike. `directory` is any directory of the file system, O_PATH will do; one of an overlay will not (ENOSYS).
// All of it but quota_state() needs CAP_SYS_ADMIN in the initial user namespace. Errors: Code::system with the errno.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"
#include "runtime/sys/project.h"

namespace bulkhead::sys {

enum class QuotaState {
    no_kernel_support, // the kernel has no quota for this type of file system
    off,               // not mounted with prjquota, or the file system lacks the feature
    accounting,        // counts, and refuses nobody
    enforcing,
};
[[nodiscard]] Result<QuotaState> quota_state(BorrowedFd directory);

// Switches enforcement on where the file system only counts: Q_XQUOTAON. It lasts until it is unmounted.
[[nodiscard]] Result<void> enforce_quota(BorrowedFd directory);

// 0: no limit. The kernel counts bytes in units of 512 and XFS rounds up to its blocks. Past a soft limit writes go on
// for the file system's grace time.
struct QuotaLimits {
    Bytes hard_bytes;
    Bytes soft_bytes;
    Count hard_inodes;
    Count soft_inodes;

    bool operator==(const QuotaLimits&) const = default;
};

struct Quota {
    QuotaLimits limits;
    Bytes used_bytes;
    Count used_inodes;

    bool operator==(const Quota&) const = default;
};
// What the kernel has of `id`. All zero where it has nothing: such an id is free (XFS answers ENOENT, ext4 zeros).
[[nodiscard]] Result<Quota> quota_of(BorrowedFd directory, ProjectId id);

// Never for id 0: on XFS its limits are the defaults of every project that has none.
[[nodiscard]] Result<void> set_quota_limits(BorrowedFd directory, ProjectId id, const QuotaLimits& limits);

} // namespace bulkhead::sys
