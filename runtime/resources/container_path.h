// SPDX-License-Identifier: Apache-2.0
// Directories of a container by descriptor, and how to tell them from the host's.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/resources/container.h"
#include "runtime/sys/mount.h"

#include <string>

namespace bulkhead::resources {

// O_PATH descriptor of the container's root directory, in its mount namespace.
[[nodiscard]] Result<UniqueFd> open_root(const Container& container);

// O_PATH descriptor of the directory `path` (without a slash at its beginning) below `root`. A symlink on the way, or
// what is no directory, is Code::unsupported, with the errno ELOOP or ENOTDIR gone.
[[nodiscard]] Result<UniqueFd> open_without_symlinks(BorrowedFd root, const std::string& path);

// Whether `place` is the file system of one of the host's own directories `path`: as this process sees it and, since an
// engine may run in a mount namespace of its own, as PID 1 does (where root may look: inside another container it may
// not).
[[nodiscard]] Result<bool> is_hosts(const sys::Place& place, const std::string& path);

} // namespace bulkhead::resources
