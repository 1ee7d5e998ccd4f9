// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace bulkhead::shim {

// bulkhead-runtime: does for the container of the command line what has to be done before the runtime starts, then
// becomes the runtime. Returns only where it cannot, with the exit status; it has told the reason as the runtime would.
// `arguments` is as main() has it: ends with a null.
[[nodiscard]] int run(std::span<char*> arguments);

} // namespace bulkhead::shim
