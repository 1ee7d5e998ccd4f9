// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/process.h"

#include "runtime/base/unique_fd.h"
#include "runtime/sys/call.h"
#include "runtime/sys/file.h"
#include "runtime/sys/signals.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::sys {

namespace {

using Milliseconds = std::chrono::milliseconds;
constexpr std::size_t longest_output = 4096;
constexpr int failed_exec = 127;

void unblock_all_signals() {
    sigset_t none;
    sigemptyset(&none);
    static_cast<void>(::sigprocmask(SIG_SETMASK, &none, nullptr)); // cannot fail with these arguments
}

Milliseconds now() {
    timespec time{};
    static_cast<void>(::clock_gettime(CLOCK_MONOTONIC, &time));
    return std::chrono::duration_cast<Milliseconds>(std::chrono::seconds(time.tv_sec) +
                                                    std::chrono::nanoseconds(time.tv_nsec));
}

// In the child: only async-signal-safe calls, and no way back.
[[noreturn]] void become(const std::vector<char*>& arguments, int null, int output) {
    static_cast<void>(::signal(SIGPIPE, SIG_DFL));
    static_cast<void>(::signal(SIGXFSZ, SIG_DFL));
    // The runtime kills a hook that takes too long; what the hook runs goes with it.
    static_cast<void>(::prctl(PR_SET_PDEATHSIG, SIGKILL));
    char* environment[] = {nullptr};
    if (::dup2(null, STDIN_FILENO) >= 0 && ::dup2(output, STDOUT_FILENO) >= 0 && ::dup2(output, STDERR_FILENO) >= 0 &&
        ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
        ::execve(arguments.front(), arguments.data(), environment);
    }
    ::_exit(failed_exec);
}

// How long a program is waited for.
struct Patience {
    pid_t child;
    Milliseconds until;
    bool told; // the child, of a signal; or that came before

    // Who is told to end meanwhile, and has something to take back first, does not wait for long.
    void look_for_signal() {
        constexpr Milliseconds grace(5000);
        if (!told && PostponedSignals::any()) {
            told = true;
            static_cast<void>(::kill(child, SIGTERM));
            until = std::min(until, now() + grace);
        }
    }
};

// Reads until the other end is closed; false once the deadline is over.
bool collect(BorrowedFd pipe, Patience& patience, std::string& output) {
    constexpr Milliseconds while_no_signal(1000); // one may come before poll(2) can be interrupted
    std::array<char, 512> chunk{};
    for (;;) {
        patience.look_for_signal();
        const auto left = patience.until - now();
        if (left.count() <= 0) {
            return false;
        }
        pollfd waiting{.fd = pipe.number(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, static_cast<int>(std::min(left, while_no_signal).count())) <= 0) {
            continue;
        }
        const auto count = read_some(pipe, chunk.data(), chunk.size());
        if (!count || *count == 0) {
            return true;
        }
        output.append(chunk.data(), std::min(*count, longest_output - std::min(longest_output, output.size())));
    }
}

// Whether it ended before the deadline: it may close its output long before it does.
bool ends_in_time(Patience& patience) {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(patience.child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0) {
        patience.look_for_signal();
        if (now() >= patience.until) {
            return false;
        }
        pause(Milliseconds(2));
    }
    return true;
}

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<char*> to_argv(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const auto& argument : arguments) {
        argv.push_back(const_cast<char*>(argument.c_str())); // execve(2) does not write to them
    }
    argv.push_back(nullptr);
    return argv;
}

} // namespace

Result<void> reset_process() {
    unblock_all_signals();
    static_cast<void>(::signal(SIGPIPE, SIG_IGN));
    set_signals_for_work();
    static_cast<void>(call(SYS_umask, 022));
    if (call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
        return fail_errno(errno, "PR_SET_DUMPABLE");
    }
    if (call(SYS_chdir, "/") < 0) {
        return fail_errno(errno, "chdir /");
    }
    return {};
}

void pause(std::chrono::milliseconds length) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(length);
    const timespec time{.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(length - seconds).count()};
    static_cast<void>(call(SYS_nanosleep, &time, nullptr));
}

Result<Outcome> run_program(const std::vector<std::string>& arguments, Milliseconds deadline) {
    if (call(SYS_faccessat, AT_FDCWD, arguments.front().c_str(), X_OK) < 0) {
        return fail_errno(errno, arguments.front());
    }
    int ends[2] = {-1, -1};
    if (call(SYS_pipe2, ends, O_CLOEXEC) < 0) {
        return fail_errno(errno, "pipe");
    }
    const UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    TRY_ASSIGN(const auto null, open_at(working_directory, "/dev/null", O_RDONLY));
    const auto argv = to_argv(arguments); // nothing is allocated between fork and exec
    const pid_t child = ::fork();
    if (child < 0) {
        return fail_errno(errno, "fork");
    }
    if (child == 0) {
        become(argv, null.borrow().number(), writer.borrow().number());
    }
    writer.reset();
    Outcome outcome;
    Patience patience{.child = child, .until = now() + deadline, .told = PostponedSignals::any()};
    const bool ended = collect(reader.borrow(), patience, outcome.output) && ends_in_time(patience);
    if (!ended) {
        static_cast<void>(::kill(child, SIGKILL));
    }
    outcome.status = wait_for(child);
    if (!ended) {
        return fail(Code::busy,
                    arguments.front() + " did not answer within " + std::to_string(deadline.count()) + " ms");
    }
    return outcome;
}

Error become_program(const std::string& path, std::span<char*> arguments) {
    static_cast<void>(call(SYS_execve, path.c_str(), arguments.data(), environ));
    return fail_errno(errno, "execute " + path).error();
}

} // namespace bulkhead::sys
