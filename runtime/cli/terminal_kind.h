// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bulkhead::cli {

// Whether terminfo knows the terminal, and how to put the cursor anywhere on it: a "dumb" one has no such thing.
[[nodiscard]] bool can_be_drawn_on();

} // namespace bulkhead::cli
