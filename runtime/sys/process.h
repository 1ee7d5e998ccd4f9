// SPDX-License-Identifier: Apache-2.0
// This process itself, and programs: the operator's command runs some, the hook none.
#pragma once

#include "runtime/base/error.h"

#include <chrono>
#include <span>
#include <string>
#include <vector>

namespace bulkhead::sys {

// Undoes what a caller may have left on us: crun blocks every signal and sets umask 0, anyone may ignore or have made
// us dumpable. Signals unblocked, SIGPIPE ignored (a reader of stderr that is gone must not change our exit status),
// the others as set_signals_for_work() has them, umask 022, not dumpable, working directory "/".
[[nodiscard]] Result<void> reset_process();

// nanosleep(2); a signal cuts it short.
void pause(std::chrono::milliseconds length);

// execve(2), with this process's environment: returns only where it fails. `arguments` ends with a null.
[[nodiscard]] Error become_program(const std::string& path, std::span<char*> arguments);

struct Outcome {
    int status = 0;     // exit status; -1 where a signal ended it
    std::string output; // the beginning of what it wrote to stdout and stderr, at most 4 KiB
};

// Runs `arguments` (the first is the program's absolute path) with an empty environment, stdin from /dev/null and no
// descriptor of ours, and waits until it ends. One that outlives `deadline` is killed: Code::busy. A missing program is
// ENOENT. No child is left behind either way.
[[nodiscard]] Result<Outcome> run_program(const std::vector<std::string>& arguments,
                                          std::chrono::milliseconds deadline);

} // namespace bulkhead::sys
