// SPDX-License-Identifier: Apache-2.0
// The guard: a seccomp filter that takes away what would get a container's files out of its disk limit. The shim puts
// it on itself just before it becomes the runtime, so that the runtime, the container and all that is ever executed in
// it have it.
//
// It denies ioctl(2) with FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS or FS_IOC32_SETFLAGS (ENOTTY), and file_setattr(2)
// (ENOSYS), by whatever entry of the kernel's: 64-bit, 32-bit (also from a 64-bit program, by int 0x80) and x32. All
// else is allowed. Read in Linux 6.1 and 6.12, tried on those and on 6.18 (tests/programs/escape), and no way around
// it:
//
//   The upper half of an ioctl request: cut off before anything looks at it (fs/ioctl.c), and not compared here.
//   Other requests: the project id and the inherit flag are set by i_op->fileattr_set alone, which only those requests,
//     file_setattr and ecryptfs's pass-through of them get to. What XFS and ext4 have of their own (XFS_IOC_SWAPEXT,
//     XFS_IOC_EXCHANGE_RANGE, EXT4_IOC_MOVE_EXT, ...SETVERSION) is not passed on by overlayfs, changes no id, and the
//     two that move blocks between files move their count, or refuse files of two projects.
//   io_uring: has no operation for ioctl, and neither XFS, ext4 nor overlayfs has a ->uring_cmd.
//   Copy-up: overlayfs keeps the new file's id (ovl_copy_fileattr).
//   rename(2), link(2): a file cannot enter a directory of another project that inherits (EXDEV), nor leave the mount.
//   ptrace(2): a system call that a tracer changed is filtered again (since 4.8), and PTRACE_O_SUSPEND_SECCOMP is
//     refused to who has a filter. Other filters on top: the strictest answer counts, and ERRNO is stricter than
//     USER_NOTIF and TRACE.
//   quotactl(2): changes limits only with CAP_SYS_ADMIN in the initial user namespace.
//   open_by_handle_at(2) in a user namespace of one's own (since 6.11): what it opens is below a mount that one has.
#pragma once

#include "runtime/base/error.h"

namespace bulkhead::shim {

// Whether there is a filter for the architecture that this is compiled for.
[[nodiscard]] bool has_guard();

// Puts the guard on this process, for good. Code::unsupported where there is none.
[[nodiscard]] Result<void> put_up_guard();

} // namespace bulkhead::shim
