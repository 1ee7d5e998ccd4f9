// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <chrono>

namespace bulkhead::sys {

// Removes everything in the directory `top`, which somebody hostile may have filled: by descriptors, no symlink
// followed, no mount crossed (what is mounted below is left alone, and with it the directories above), however deep it
// is: a directory's directories are moved up to `top` before it is removed, so that no more than two are open at a
// time. Files that may not be removed (chattr +i, +a; tmpfs has them from Linux 6.6 on) are freed of that first. What
// does not go is left; the first error is returned when no more can be done, and Code::busy after `most`: whoever still
// writes could keep us at it for ever.
[[nodiscard]] Result<void> empty_directory(BorrowedFd top, std::chrono::milliseconds most);

} // namespace bulkhead::sys
