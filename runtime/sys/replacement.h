// SPDX-License-Identifier: Apache-2.0
// A file that takes the place of another one, as a whole or not at all, and is like it: owner, mode and SELinux label.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/sys/file.h"

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::sys {

// What the new file must have of the old one.
struct Likeness {
    FileStatus status;
    std::optional<std::string> label;
};

[[nodiscard]] Result<Likeness> likeness_of(BorrowedFd file);

// A file of that name, for writing, mode 0600. What a killed process left there goes first: whatever it is, a link to
// something else too, it is not written into.
[[nodiscard]] Result<UniqueFd> make_temporary_at(BorrowedFd directory, const std::string& name);

[[nodiscard]] Result<void> make_like(BorrowedFd file, const Likeness& likeness);

} // namespace bulkhead::sys
