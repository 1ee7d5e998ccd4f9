// SPDX-License-Identifier: Apache-2.0
// Whether the layers of an engine lie where a disk limit can be had.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

namespace bulkhead::doctor {

// "storage": of what the engine's config says, or the nearest directory above it that is there yet.
void check_storage(Section& section, const Node& node, const PresentEngine& engine);

} // namespace bulkhead::doctor
