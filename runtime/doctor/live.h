// SPDX-License-Identifier: Apache-2.0
// The containers that run now: those that have less than they ask for, as they were made before all this, or beside it.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

namespace bulkhead::doctor {

// "receipts", "live-limits", "live-defaults", "live-disk" and "live-guard".
void check_live(Section& section, const Node& node);

} // namespace bulkhead::doctor
