// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"

#include <string>

namespace bulkhead::sys {

enum class FilesystemType { xfs, ext4, other }; // ext4: its driver's number, ext2's and ext3's too

// From fstatfs(2), which on a directory with a project quota speaks of that project.
struct FilesystemSize {
    FilesystemType type = FilesystemType::other;
    Bytes bytes;
    Bytes block; // what files' space comes in
    Count inodes;
};
[[nodiscard]] Result<FilesystemSize> filesystem_size(BorrowedFd file);

// What tells a file system from others over reboots and mounts, as 32 hexadecimal digits and dashes; clones of a disk
// share it. `file` is opened for reading. FS_IOC_GETFSUUID (Linux 6.9), before it XFS_IOC_FSGEOMETRY_V1 and
// EXT4_IOC_GETFSUUID (6.0); an ext4 on an older kernel has only its fstatfs(2) id, 16 digits.
[[nodiscard]] Result<std::string> filesystem_uuid(BorrowedFd file);

} // namespace bulkhead::sys
