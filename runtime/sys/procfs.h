// SPDX-License-Identifier: Apache-2.0
// /proc/PID of one process (proc(5)), through a directory descriptor that keeps meaning that process after its number
// has gone to another one (reads then fail with ESRCH).
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"
#include "runtime/sys/file.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace bulkhead::sys {

// What tells a process from another one that got the same number later, within one boot.
struct ProcessIdentity {
    pid_t pid = 0;
    std::uint64_t start_time = 0; // clock ticks since boot: field 22 of /proc/PID/stat

    bool operator==(const ProcessIdentity&) const = default;
};

class Process {
public:
    // Code::system with ESRCH or ENOENT where there is no such process. /proc must be a procfs.
    [[nodiscard]] static Result<Process> open(pid_t pid);

    [[nodiscard]] const ProcessIdentity& identity() const { return identity_; }
    [[nodiscard]] bool dead() const { return dead_; } // a zombie, when it was opened
    // It looks like a zombie, and other threads of it run: pthread_exit(3), or it is being killed at this moment.
    [[nodiscard]] bool main_thread_ended() const { return main_thread_ended_; }

    // The number is that of a thread other than the first, which has a /proc/PID as well.
    [[nodiscard]] bool is_thread() const { return thread_; }

    // A thread of the kernel: it never ends, and has what process 1 has.
    [[nodiscard]] bool is_of_kernel() const { return of_kernel_; }

    // O_PATH descriptor of its root directory, in its mount namespace.
    [[nodiscard]] Result<UniqueFd> root() const;
    [[nodiscard]] Result<UniqueFd> mount_namespace() const;
    // Its user namespace, open; nullopt where that is the initial one.
    [[nodiscard]] Result<std::optional<UniqueFd>> own_user_namespace() const;
    // Device and inode of its pid namespace: of those that are open the same for no other.
    [[nodiscard]] Result<FileStatus> pid_namespace() const;
    // Whether it is process 1 of that: the one that the namespace was made with, and ends with.
    [[nodiscard]] Result<bool> is_first_of_pid_namespace() const;
    [[nodiscard]] Result<UniqueFd> mountinfo() const;
    // The text of /proc/PID/cgroup.
    [[nodiscard]] Result<std::string> cgroup() const;
    // What it calls itself, at most 15 bytes: any process may call itself anything.
    [[nodiscard]] Result<std::string> name() const;
    // The words that it was started with, or has put in their place.
    [[nodiscard]] Result<std::vector<std::string>> command_line() const;
    // How many seccomp filters are on it. Linux 5.9; before, 1 where there is any.
    [[nodiscard]] Result<std::uint64_t> seccomp_filters() const;

    // Whether that capability (linux/capability.h) is in its bounding set: else what it starts has it no more than it.
    [[nodiscard]] Result<bool> may_have(unsigned capability) const;

    // Who root of its user namespace is in the reader's: the outside id of inside id 0 in uid_map or gid_map.
    struct Owner {
        uid_t user = 0;
        gid_t group = 0;
    };
    [[nodiscard]] Result<Owner> namespace_root() const;

private:
    Process() = default;

    UniqueFd directory_;
    ProcessIdentity identity_;
    bool dead_ = false;
    bool main_thread_ended_ = false;
    bool thread_ = false;
    bool of_kernel_ = false;
};

// The numbers of all processes that /proc shows, in no order.
[[nodiscard]] Result<std::vector<pid_t>> all_processes();

// Whether the process that `identity` names still runs. A zombie does not. Errors other than "no such process" are
// errors: what cannot be known is not "gone".
[[nodiscard]] Result<bool> is_running(const ProcessIdentity& identity);

// When a process of this boot started, by the clock as it goes now, to a hundredth of a second.
[[nodiscard]] std::chrono::system_clock::time_point started_at(const ProcessIdentity& identity);

// The text of /proc/self/cgroup.
[[nodiscard]] Result<std::string> own_cgroup();

// /proc/sys/kernel/random/boot_id without its line end. Read once: no process outlives its boot.
[[nodiscard]] Result<std::string> boot_id();

// sysconf(3).
[[nodiscard]] Bytes page_size();

// The node's RAM in bytes: sysinfo(2).
[[nodiscard]] Result<std::uint64_t> total_ram();

} // namespace bulkhead::sys
