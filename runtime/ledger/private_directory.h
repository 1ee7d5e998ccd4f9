// SPDX-License-Identifier: Apache-2.0
// Directories and files that we believe when we undo things: root's, and writable by nobody else. Anything else found
// in their place is Code::internal, never followed and never mended in silence.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <cstddef>
#include <optional>
#include <string>

namespace bulkhead::ledger {

enum class IfMissing { fail, make, make_synced };

// Opens the directory `name`; made with mode 0700 where it is missing and `if_missing` says so, with make_synced for
// good: what is synced in a directory lasts only if the directory does. The state directory lies on a tmpfs.
[[nodiscard]] Result<UniqueFd> open_private_directory(BorrowedFd parent, const std::string& name, IfMissing if_missing);

// Opens the file `name` with `flags`, made with mode 0600 where those have O_CREAT; a symlink is not followed, and a
// FIFO not waited for.
[[nodiscard]] Result<UniqueFd> open_private_file(BorrowedFd directory, const std::string& name, int flags);

// The same of a file that is written in place: a regular one that has no other name, by which it would be another's.
[[nodiscard]] Result<UniqueFd> open_private_file_alone(BorrowedFd directory, const std::string& name, int flags);

// nullopt where it is not there. More than `most` bytes: Code::internal. Every error names the file.
[[nodiscard]] Result<std::optional<std::string>> read_private_file(BorrowedFd directory, const std::string& name,
                                                                   std::size_t most);

} // namespace bulkhead::ledger
