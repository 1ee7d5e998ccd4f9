// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <linux/filter.h>
#include <span>

namespace bulkhead::sys {

// Puts a seccomp filter on this process, for good: on this thread, what it executes and all that comes of it. Filters
// add up, and of several answers the strictest counts.
//
// It never sets no_new_privs, which would break setuid programs in a container: so CAP_SYS_ADMIN is needed (EACCES
// without it). ENOSYS or EINVAL: a kernel without CONFIG_SECCOMP_FILTER.
[[nodiscard]] Result<void> install_filter(std::span<const sock_filter> program);

} // namespace bulkhead::sys
