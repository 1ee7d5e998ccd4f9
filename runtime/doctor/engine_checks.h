// SPDX-License-Identifier: Apache-2.0
// The links of each engine that is installed.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

namespace bulkhead::doctor {

void check_engine(Section& section, const Node& node, const PresentEngine& engine);

} // namespace bulkhead::doctor
