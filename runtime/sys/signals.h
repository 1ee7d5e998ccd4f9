// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <csignal>

namespace bulkhead::sys {

// While it lives, SIGINT, SIGTERM and SIGHUP do not end this process, which has something to take back first; when it
// goes, the last of those that came does. Programs that are started meanwhile are ended by them as ever, and
// run_program() has the one that it waits for end when one comes here. There is one of these at a time.
class PostponedSignals {
public:
    PostponedSignals();
    PostponedSignals(const PostponedSignals&) = delete;
    PostponedSignals& operator=(const PostponedSignals&) = delete;
    ~PostponedSignals();

    // Whether one came.
    [[nodiscard]] static bool any();
    // From now on they wait for programs as well: for those that take back.
    static void keep_from_programs();

private:
    std::array<struct sigaction, 3> before_{};
    sigset_t mask_{};
};

// While it lives, the signal is ignored; what this process becomes meanwhile would inherit that.
class IgnoredSignal {
public:
    explicit IgnoredSignal(int signal);
    IgnoredSignal(const IgnoredSignal&) = delete;
    IgnoredSignal& operator=(const IgnoredSignal&) = delete;
    ~IgnoredSignal();

private:
    int signal_;
    struct sigaction before_{};
};

// What whoever started us may have left otherwise: SIGCHLD, as an ignored one makes waitpid(2) find no child, and
// SIGXFSZ, which is ignored, as a limit on the size of files (setrlimit(2)) is to be an error of write(2) and no death.
void set_signals_for_work();

} // namespace bulkhead::sys
