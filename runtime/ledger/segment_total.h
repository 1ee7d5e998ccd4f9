// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/policy/segments.h"

namespace bulkhead::ledger {

// Whether there is room in the scope of `plan` for what it makes, or makes larger, under the maximum of all of its
// segments together. `scope` is the scope's directory, locked for as long as it takes to make it. Code::not_allowed.
[[nodiscard]] Result<void> require_room_in_scope(const policy::SegmentPlan& plan, BorrowedFd scope);

} // namespace bulkhead::ledger
