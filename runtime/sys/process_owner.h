// SPDX-License-Identifier: Apache-2.0
// Whose a process is.
#pragma once

#include "runtime/base/error.h"
#include "runtime/sys/procfs.h"

namespace bulkhead::sys {

// Whether it is root's, in the reader's user namespace: started by nobody else, be it by a set-user-ID program, which
// lets him choose its name and words. EACCES where the reader is not root, ESRCH where the process is gone.
[[nodiscard]] Result<bool> is_roots(const ProcessIdentity& process);

} // namespace bulkhead::sys
