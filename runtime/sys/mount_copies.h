// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <sys/types.h>

namespace bulkhead::sys {

// Whether the file system `device` may be mounted more than once, in whatever mount namespace: taken off in one place
// it would live on in the others. Every process's namespace is looked at, so this is for rare cases; what is not known
// after `most`, or cannot be read, may be so. A namespace that no process's first thread is in is not seen (one that is
// only bound to a file, as snapd does).
[[nodiscard]] bool may_have_copies(dev_t device, std::chrono::milliseconds most);

} // namespace bulkhead::sys
