// SPDX-License-Identifier: Apache-2.0
// Which mount a file lies on. statmount(2) (Linux 6.8; with the options of the file system and of another namespace's
// mounts 6.11) asks for that one alone; before it mountinfo has to be read until it comes, and a busy node has
// thousands.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/sys/mountinfo.h"
#include "runtime/sys/procfs.h"

namespace bulkhead::sys {

// MountInfo::source takes Linux 6.13.
enum class Source : bool { left_out, needed };

// The mount of `file`, which must be one in `process`'s mount namespace. Of what MountInfo has: root, point, type,
// shared, options and, if it is needed, source. Code::system with ENOENT where it is none of that namespace's.
[[nodiscard]] Result<MountInfo> mount_of(BorrowedFd file, const Process& process, Source source = Source::left_out);

// statmount(2) alone; nullopt where the kernel has not all of it.
[[nodiscard]] Result<std::optional<MountInfo>> statmount(BorrowedFd file, BorrowedFd mount_namespace,
                                                         Source source = Source::left_out);

} // namespace bulkhead::sys
