// SPDX-License-Identifier: Apache-2.0
// Mounts by descriptor, with the API of Linux 5.2 and later: fspick(2), fsopen(2), fsconfig(2), fsmount(2),
// move_mount(2). No path is ever resolved here and no namespace entered.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace bulkhead::sys {

// Where a descriptor lies, from statx(2). A FUSE server is not asked (AT_STATX_DONT_SYNC): it may never answer.
struct Place {
    dev_t device = 0;
    std::uint64_t mount_id = 0; // as in mountinfo; unique only among mounts that exist (Linux 5.8)
    bool mount_root = false;    // the descriptor is the root of a mount
};
[[nodiscard]] Result<Place> place_of(BorrowedFd file);

// What a tmpfs may hold and holds. `size` is 0 where it has no limit.
struct TmpfsUse {
    Bytes size;
    Bytes used;
    Bytes page; // the kernel rounds sizes up to a multiple of it
};
[[nodiscard]] Result<TmpfsUse> tmpfs_use(BorrowedFd inside);

// Changes the size limit of the tmpfs whose mount root `root` is. It is the superblock's: every mount of it sees it,
// while the flags of the mounts stay. The kernel's own reason is in the message (EINVAL: below what is used, or from
// no limit to one).
[[nodiscard]] Result<void> resize_tmpfs(BorrowedFd root, Bytes size);

struct TmpfsOptions {
    Bytes size;
    mode_t mode = 0;
    uid_t owner = 0; // in the initial user namespace
    gid_t group = 0;
};
// A new tmpfs, attached nowhere yet, with nosuid, nodev and noexec. Closing the descriptor frees it.
[[nodiscard]] Result<UniqueFd> make_tmpfs(const TmpfsOptions& options);

// Puts the mount `mount` onto the directory `target`; the process must be in the mount namespace of `target`.
[[nodiscard]] Result<void> attach_mount(BorrowedFd mount, BorrowedFd target);

} // namespace bulkhead::sys
