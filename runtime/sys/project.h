// SPDX-License-Identifier: Apache-2.0
// Project ids of files: FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR (ioctl_xfs_fsgetxattr(2); ext4 has them too), and
// file_setattr(2) (Linux 6.17) for what cannot be opened. Only a process in the initial user namespace may change them.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <cstdint>
#include <string>

namespace bulkhead::sys {

// 0 is every file's that was given none. 0xffffffff is none (EINVAL).
using ProjectId = std::uint32_t;

struct ProjectLabel {
    ProjectId id = 0;
    bool inherit = false; // of a directory: what is made in it gets `id`, and what has another id cannot be moved in

    bool operator==(const ProjectLabel&) const = default;
};

// `file` is opened for reading, not O_PATH. ENOTTY: the file system knows no project ids.
[[nodiscard]] Result<ProjectLabel> project_label(BorrowedFd file);

// The other attributes stay. `inherit` is for directories. EOPNOTSUPP: an ext4 without the project feature.
[[nodiscard]] Result<void> set_project_label(BorrowedFd file, const ProjectLabel& label);

// The id of a symlink, FIFO, socket or device `name` in `directory`, which is not followed or opened. ENOSYS, or
// EOPNOTSUPP: not on this kernel.
[[nodiscard]] Result<void> set_project_at(BorrowedFd directory, const std::string& name, ProjectId id);

// The id of such a file. ENOSYS, or EOPNOTSUPP: not on this kernel.
[[nodiscard]] Result<ProjectId> project_at(BorrowedFd directory, const std::string& name);

// Whether this process, and with it the container that it is the hook of, runs behind the shim's seccomp filter, which
// answers ENOTTY to FS_IOC_FSSETXATTR whatever it is asked of; the kernel itself says EBADF of no descriptor.
[[nodiscard]] bool labels_are_guarded();

} // namespace bulkhead::sys
