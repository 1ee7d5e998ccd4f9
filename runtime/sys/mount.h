// SPDX-License-Identifier: Apache-2.0
// Mounts by descriptor, with the API of Linux 5.2 and later: fspick(2), fsopen(2), fsconfig(2), fsmount(2),
// move_mount(2). No path is ever resolved here and no namespace entered.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"

#include <cstdint>
#include <optional>
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
// With the inodes and, where it is not empty, the `huge` of TmpfsOptions as well.
[[nodiscard]] Result<void> resize_tmpfs(BorrowedFd root, Bytes size, std::optional<Count> inodes = std::nullopt,
                                        const std::string& huge = {});

struct TmpfsOptions {
    Bytes size;
    mode_t mode = 0;
    uid_t owner = 0; // in the initial user namespace
    gid_t group = 0;
    std::string source = "shm";                 // what mountinfo calls it
    std::optional<Count> inodes = std::nullopt; // else as many as half of the node's pages of RAM
    // NOLINTBEGIN(readability-redundant-member-init): without, gcc misses them where they are left out
    std::string huge = {};    // never, always, within_size, advise; empty: the kernel's default
    bool noswap = false;      // Linux 6.4
    std::string context = {}; // SELinux's, of all files; empty: as the policy says
    // NOLINTEND(readability-redundant-member-init)
};
// A new tmpfs, attached nowhere yet, with nosuid, nodev and noexec. Closing the descriptor frees it. An option that
// this kernel does not know is Code::unsupported.
[[nodiscard]] Result<UniqueFd> make_tmpfs(const TmpfsOptions& options);

// A second mount of the one whose root `root` is, without what is mounted below it: attached nowhere, private, with the
// same flags. `root` must be in this process's mount namespace. Closing the descriptor undoes it.
[[nodiscard]] Result<UniqueFd> clone_mount(BorrowedFd root);

struct MountFlags {
    bool read_only = false;
    bool exec = false;                               // takes noexec away
    std::optional<BorrowedFd> ids_of = std::nullopt; // a user namespace, open: its ids become the file system's
};
// Changes flags of a mount that is attached nowhere yet (mount_setattr(2), Linux 5.12). `ids_of` needs a file system
// that can be idmapped: tmpfs from Linux 6.3 on, else EINVAL.
[[nodiscard]] Result<void> change_mount(BorrowedFd mount, const MountFlags& flags);

// Mounts the directory `name` in `parent` onto itself, so that what is mounted below it stays there: it is not
// propagated, and a recursive bind of what lies above leaves it out (MS_UNBINDABLE).
[[nodiscard]] Result<void> make_anchor(BorrowedFd parent, const std::string& name);

// What make_anchor() did last, once more: whoever was killed before it left an anchor that is shared.
[[nodiscard]] Result<void> keep_anchored(BorrowedFd anchor);

// Takes off what is mounted on `name` in `parent`, with all below it, used or not. ENOENT and EINVAL: nothing is.
[[nodiscard]] Result<void> detach_mount(BorrowedFd parent, const std::string& name);
// The same for the mount whose root `root` is, open as it is. The working directory is another one afterwards.
[[nodiscard]] Result<void> detach_mount(BorrowedFd root);
// The same by name, but EBUSY where it is in use or something is mounted below it.
[[nodiscard]] Result<void> unmount(BorrowedFd parent, const std::string& name);

// Puts the mount `mount` onto the directory `target`; the process must be in the mount namespace of `target`.
[[nodiscard]] Result<void> attach_mount(BorrowedFd mount, BorrowedFd target);

} // namespace bulkhead::sys
