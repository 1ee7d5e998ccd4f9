// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <string>

namespace bulkhead::hook {

constexpr std::size_t longest_state = 1UL << 20U;

// What a runtime wrote to stdin.
struct Input {
    std::string text;      // its first `longest_state` bytes
    bool too_long = false; // there was more
    bool names_us = false; // "io.bulkhead." stands somewhere in all of it
};

// Reads to the end whatever comes: crun dies of SIGPIPE where a hook leaves before it has read everything. What is
// longer than a gigabyte has none (/dev/zero): Code::malformed_input.
[[nodiscard]] Result<Input> read_input(BorrowedFd in);

} // namespace bulkhead::hook
