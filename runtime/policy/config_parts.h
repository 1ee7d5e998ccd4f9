// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/policy/config.h"
#include "runtime/policy/config_reader.h"

#include <string>
#include <vector>

namespace bulkhead::policy {

// What the tree says, as far as it is sound: the rest is among the reader's problems, and has its default here. A
// member that this version does not know is a problem, as it is a typing error or a wish that would not come true.
[[nodiscard]] Config read_tree(ConfigReader& reader, const ConfigTree& tree);

// Every member there is: "disk.guard", "rules[].max.shm-size", "segments.NAME.size". The schema and the manual are held
// against it.
[[nodiscard]] std::vector<std::string> config_members();

} // namespace bulkhead::policy
