// SPDX-License-Identifier: Apache-2.0
// The links that are no engine's: what is installed, what was decided, what the kernel has.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

namespace bulkhead::doctor {

void check_installation(Section& section, const Node& node);
void check_kernel(Section& section, const Node& node);

} // namespace bulkhead::doctor
