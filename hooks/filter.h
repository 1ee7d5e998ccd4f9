// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

namespace bulkhead::hook {

// Gives up, for good, all system calls but those in hooks/system_calls.h: any other ends the process there and then,
// with the status of Code::internal and a line on standard error; the kernel's log has it too.
//
// With an end, and not an error of the call, as errors have answers: the way of an older kernel is tried, what
// `on-error` lets pass is left out, setfsuid(2) has none to look at. So a call that is missing on the list is found by
// the first test that comes to it, and whoever took the hook over does not get a second try. What it leaves is what a
// kill at that place leaves, which gc gives back (tests/campaign/hook). The signal's default, a death without a word,
// would be the same for gc, but under crun nobody would learn of it.
//
// With sanitizers, which make calls of their own, there is no filter.
[[nodiscard]] Result<void> put_up_filter();

// The container is gone, and runc must not be told that its deletion failed: that end is with 0 from now on.
void forgive_refused_calls();

} // namespace bulkhead::hook
