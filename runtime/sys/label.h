// SPDX-License-Identifier: Apache-2.0
// SELinux's label of a file: the extended attribute security.selinux (xattr(7)).
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <optional>
#include <string>

namespace bulkhead::sys {

// nullopt where the file has none, or its file system holds none.
[[nodiscard]] Result<std::optional<std::string>> security_label(BorrowedFd file);
[[nodiscard]] Result<void> set_security_label(BorrowedFd file, const std::string& label);

} // namespace bulkhead::sys
