// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace bulkhead::hook {

// bulkhead-hook from its arguments (the first is the program's name) and the state on stdin to its exit status. Says
// what went wrong itself.
[[nodiscard]] int run(std::span<char*> arguments);

} // namespace bulkhead::hook
