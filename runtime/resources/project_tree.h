// SPDX-License-Identifier: Apache-2.0
// Project ids of everything in a layer. What is in it was made by a tenant; nobody runs in it while this does.
//
// All of it must carry one id: with another one (or none) in a directory that inherits, copy-up, rename and unlink fail
// with EXDEV. Symlinks and special files are reached only where the kernel has file_setattr(2).
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/sys/project.h"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace bulkhead::resources {

inline constexpr std::uint64_t most_layer_entries = 200'000;

// How many inodes a directory, itself included, holds of one id.
struct Census {
    std::uint64_t labelled = 0;
    std::uint64_t unknown = 0; // symlinks and special files whose id this kernel does not tell
};
[[nodiscard]] Result<Census> count_labelled(BorrowedFd directory, sys::ProjectId id);

// Of `paths` those that are regular files of one name on the file system `device`, opened for reading. Others, and what
// is missing, are left out.
[[nodiscard]] std::vector<UniqueFd> open_single_files(const std::vector<std::string>& paths, dev_t device);

// Gives `directory` and all below it the id, and directories the inherit flag. Returns how many symlinks and special
// files in directories that did not have the id before could not be given it: those cannot be renamed by the container.
// With Top::just_claimed `directory` has the id, but what lies in it is older.
enum class Top : bool { as_it_is, just_claimed };
[[nodiscard]] Result<std::uint64_t> label_tree(BorrowedFd directory, sys::ProjectId id, Top top = Top::as_it_is);

// Takes it back: what carries `id` gets `before`.
[[nodiscard]] Result<void> unlabel_tree(BorrowedFd directory, sys::ProjectId id, const sys::ProjectLabel& before);

} // namespace bulkhead::resources
