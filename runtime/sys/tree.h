// SPDX-License-Identifier: Apache-2.0
// A walk over a directory that somebody hostile may have filled: by descriptors, no symlink followed, no mount crossed,
// nothing but directories and regular files opened, and never more than a number of entries.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/sys/file.h"

#include <cerrno>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace bulkhead::sys {

// A private copy of the mount that `directory` lies on, its root at `directory`, without the mounts below it, attached
// nowhere, nodev (open_tree(2), mount_setattr(2): Linux 5.12). What is mounted over in the original is uncovered in it.
// Opened for reading; it goes with the descriptor.
[[nodiscard]] Result<UniqueFd> clone_without_submounts(BorrowedFd directory);

struct TreeEntry {
    BorrowedFd directory = BorrowedFd(-1); // where it lies
    const std::string& name;
    FileStatus status;
    std::optional<BorrowedFd> file; // opened for reading; not for symlinks, FIFOs, sockets and devices
};

// Returned in an error's number when a tree is larger or deeper than asked for.
inline constexpr int tree_too_large = EFBIG;

// Hands every entry below `directory` to `visit`, a directory before what is in it. Entries that vanish meanwhile are
// left out. More than `most` entries, or more than 500 directories in each other (each level costs a descriptor): an
// error with the number tree_too_large.
[[nodiscard]] Result<void> walk_tree(BorrowedFd directory, std::uint64_t most,
                                     const std::function<Result<void>(const TreeEntry&)>& visit);

} // namespace bulkhead::sys
