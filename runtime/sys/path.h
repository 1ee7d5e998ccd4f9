// SPDX-License-Identifier: Apache-2.0
// Paths below a directory that is held open. A container controls what lies below its root: symlinks, renames between
// two looks, mounts. openat2(2) (Linux 5.6) resolves within the root in the kernel, in one step.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <fcntl.h>
#include <string>

namespace bulkhead::sys {

enum class Symlinks : bool { follow_inside, refuse };

// O_PATH descriptor of the directory `path` below `root`, which "..", symlinks and absolute paths cannot leave
// (RESOLVE_IN_ROOT); magic links are refused always. With Symlinks::refuse a symlink in any component is ELOOP.
[[nodiscard]] Result<UniqueFd> open_directory_in(BorrowedFd root, const std::string& path, Symlinks symlinks);

// Descriptor of the directory `name` in `directory`, on the same mount (RESOLVE_BENEATH, RESOLVE_NO_XDEV): EXDEV where
// something is mounted on it. A symlink is ELOOP. `access`: O_PATH, or O_RDONLY for one to be read.
[[nodiscard]] Result<UniqueFd> open_directory_on_same_mount(BorrowedFd directory, const std::string& name,
                                                            int access = O_PATH);

// The file or directory at an absolute path no component of which is a symlink (ELOOP otherwise): openat(2) with
// `flags`.
[[nodiscard]] Result<UniqueFd> open_without_symlinks(const std::string& path, int flags);

} // namespace bulkhead::sys
