// SPDX-License-Identifier: Apache-2.0
// Code under test in a child process: what it does to its descriptors, signals, root directory and mounts stays there.
#pragma once

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <memory>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace bulkhead::test {

// What a child found wrong. Lies in memory shared with the parent, as the child may have no descriptor left.
class Findings {
public:
    void expect(bool holds, std::string_view what) {
        if (!holds) {
            add(what);
        }
    }
    void expect_equal(std::string_view actual, std::string_view expected) {
        if (actual != expected) {
            add(std::string(actual).append(" != ").append(expected));
        }
    }
    void add(std::string_view what) {
        const auto size = std::min(what.size(), sizeof text_ - 1 - used_);
        std::memcpy(text_ + used_, what.data(), size);
        used_ += size;
        if (used_ < sizeof text_ - 1) {
            text_[used_++] = '\n';
        }
    }
    [[nodiscard]] std::string text() const { return {text_, used_}; }

private:
    std::size_t used_ = 0;
    char text_[8000] = {};
};

inline int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

// Runs `body(Findings&)` in a child; what it found wrong, or how it died, and "" where all was well.
template <typename Body>
std::string in_child(Body body) {
    void* memory = ::mmap(nullptr, sizeof(Findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return "mmap failed";
    }
    auto* findings = std::construct_at(static_cast<Findings*>(memory));
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            body(*findings);
        } catch (const std::exception& exception) {
            findings->add(exception.what());
        }
        ::_exit(0);
    }
    const int status = child < 0 ? -1 : wait_for(child);
    auto text = findings->text();
    static_cast<void>(::munmap(memory, sizeof(Findings)));
    return status == 0 ? text : text + "child ended with wait status " + std::to_string(status);
}

// A process that does nothing until it is told to end, which it is at the latest by the destructor.
class IdleProcess {
public:
    IdleProcess() : IdleProcess([] { return true; }) {}

    // `prepare` runs in the child before this constructor returns; ready() is its result.
    template <typename Prepare>
    explicit IdleProcess(Prepare prepare) {
        int ends[2] = {-1, -1};
        if (::pipe(ends) != 0) {
            return;
        }
        pid_ = ::fork();
        if (pid_ == 0) {
            const char result = prepare() ? 'y' : 'n';
            static_cast<void>(!::write(ends[1], &result, 1));
            for (;;) {
                ::pause();
            }
        }
        ::close(ends[1]);
        char result = 'n';
        ready_ = ::read(ends[0], &result, 1) == 1 && result == 'y';
        ::close(ends[0]);
    }
    IdleProcess(const IdleProcess&) = delete;
    IdleProcess& operator=(const IdleProcess&) = delete;
    ~IdleProcess() { end(); }

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool ready() const { return ready_; }

    // Kills it and leaves it a zombie.
    void become_zombie() const {
        ::kill(pid_, SIGKILL);
        siginfo_t info{};
        while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
        }
    }
    // For one that was made with keep_a_thread(): its main thread ends, and the other one goes on.
    void end_main_thread() const { ::syscall(SYS_tgkill, pid_, pid_, SIGUSR1); }
    static bool keep_a_thread() {
        const auto end_this_one = [](int) { ::syscall(SYS_exit, 0); };
        std::thread([] {
            for (;;) {
                ::pause();
            }
        }).detach();
        return ::signal(SIGUSR1, end_this_one) != SIG_ERR;
    }
    void end() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            wait_for(std::exchange(pid_, -1));
        }
    }

private:
    pid_t pid_ = -1;
    bool ready_ = false;
};

// Not in a chroot, nor where the kernel is told to make none.
inline bool can_make_user_namespaces() {
    static const bool can = ::geteuid() == 0 && in_child([](Findings& findings) {
                                                    findings.expect(::unshare(CLONE_NEWUSER) == 0, "unshare");
                                                }).empty();
    return can;
}

} // namespace bulkhead::test
