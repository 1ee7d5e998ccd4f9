// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <linux/filter.h>
#include <span>

namespace bulkhead::sys {

// Whether the kernel's log (audit) gets what is not allowed.
enum class Logged : bool { no, yes };

// Puts a seccomp filter on this process, for good: on this thread, what it executes and all that comes of it. Filters
// add up, and of several answers the strictest counts.
//
// It never sets no_new_privs, which would break setuid programs in a container: so CAP_SYS_ADMIN is needed (EACCES
// without it). ENOSYS or EINVAL: a kernel without CONFIG_SECCOMP_FILTER.
[[nodiscard]] Result<void> install_filter(std::span<const sock_filter> program, Logged logged = Logged::no);

// From now on a call that a filter answers with SECCOMP_RET_TRAP ends this process with `status`, and with a line on
// standard error that has its number: with nothing else, as this may be in another mount namespace, where no path is to
// be believed. If the first time is before that filter, it may come again behind it.
void end_trapped_calls_with(int status);

} // namespace bulkhead::sys
