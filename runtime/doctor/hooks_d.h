// SPDX-License-Identifier: Apache-2.0
// Whether an engine that has hooks.d runs our hook, for whom it should be run.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"
#include "runtime/doctor/runtimes.h"

namespace bulkhead::doctor {

void check_hooks_d(Section& section, const Node& node, const PresentEngine& engine);

} // namespace bulkhead::doctor
