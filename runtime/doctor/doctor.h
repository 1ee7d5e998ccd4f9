// SPDX-License-Identifier: Apache-2.0
// Proves the wiring: every link between an engine and a wall, of the engines that are on this node. Looks, and
// changes nothing; but for a container that is started and removed, where that is asked for.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

#include <vector>

namespace bulkhead::doctor {

// In the order in which they are to be read. Needs root.
[[nodiscard]] std::vector<Check> examine(const Question& question);

[[nodiscard]] bool is_healthy(const std::vector<Check>& checks); // none has failed

} // namespace bulkhead::doctor
