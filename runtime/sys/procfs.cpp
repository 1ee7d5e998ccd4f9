// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/procfs.h"

#include "runtime/base/quantity.h"
#include "runtime/sys/call.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/namespace.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fcntl.h>
#include <limits>
#include <linux/magic.h>
#include <string_view>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

namespace bulkhead::sys {

namespace {

constexpr std::size_t longest_file = 65536;

Result<std::string> read_at(BorrowedFd directory, const std::string& name) {
    TRY_ASSIGN(const auto file, open_at(directory, name, O_RDONLY | O_NOFOLLOW));
    return read_all(file.borrow(), longest_file);
}

// A fake /proc (a bind mount of somebody's files) must not answer for the kernel.
Result<void> require_procfs(BorrowedFd directory) {
    struct statfs status{};
    if (call(SYS_fstatfs, directory.number(), &status) < 0) {
        return fail_errno(errno, "fstatfs /proc");
    }
    if (status.f_type != PROC_SUPER_MAGIC) {
        return fail(Code::system, "/proc is not a procfs");
    }
    return {};
}

struct Stat {
    char state = 0;
    std::uint64_t threads = 0;
    std::uint64_t start_time = 0;
    bool thread = false;
    bool of_kernel = false;
};

void skip_fields(std::string_view& text, int count) {
    for (int i = 0; i < count; ++i) {
        text.remove_prefix(std::min(text.size(), text.find(' ')));
        text.remove_prefix(text.empty() ? 0 : 1);
    }
}

// "PID (NAME) STATE PPID ...": NAME may hold anything, blanks and parentheses too, so counting starts at the last ')'.
Result<Stat> parse_stat(std::string_view text) {
    constexpr std::uint64_t kernel_thread = 0x00200000; // PF_KTHREAD (linux/sched.h), the same in all kernels
    const auto name_end = text.rfind(')');
    if (name_end == std::string_view::npos || name_end + 2 >= text.size()) {
        return fail(Code::system, "/proc/PID/stat has an unknown form");
    }
    text.remove_prefix(name_end + 2);
    const char state = text.front();
    skip_fields(text, 6); // flags is the 9th field
    TRY_ASSIGN(const auto flags, parse_unsigned(text.substr(0, text.find(' '))));
    skip_fields(text, 11); // num_threads is the 20th, starttime the 22nd
    TRY_ASSIGN(const auto threads, parse_unsigned(text.substr(0, text.find(' '))));
    skip_fields(text, 2);
    TRY_ASSIGN(const auto start_time, parse_unsigned(text.substr(0, text.find(' '))));
    skip_fields(text, 16); // exit_signal is the 38th: none of a thread's, whose end is told to nobody
    const bool thread = text.substr(0, text.find(' ')) == "-1";
    return Stat{.state = state,
                .threads = threads,
                .start_time = start_time,
                .thread = thread,
                .of_kernel = (flags & kernel_thread) != 0};
}

// The outside id of inside id 0 in the text of a uid_map or gid_map; the overflow id where it is not mapped.
std::uint32_t mapped_zero(std::string_view map) {
    constexpr std::uint32_t overflow_id = 65534;
    while (!map.empty()) {
        const auto line = map.substr(0, map.find('\n'));
        map.remove_prefix(std::min(map.size(), line.size() + 1));
        const auto inside = line.find_first_not_of(' ');
        if (inside == std::string_view::npos || line.substr(inside, 2) != "0 ") {
            continue;
        }
        const auto outside = line.find_first_not_of(' ', inside + 1);
        const auto word = line.substr(std::min(outside, line.size()));
        const auto id = parse_unsigned(word.substr(0, word.find(' ')));
        return id && *id < std::numeric_limits<std::uint32_t>::max() ? static_cast<std::uint32_t>(*id) : overflow_id;
    }
    return overflow_id;
}

// Of a /proc/PID/status, what stands behind "FIELD:" and a tab; empty where it has no such line.
std::string_view field_of(std::string_view status, std::string_view field) {
    const auto begin = status.find(std::string("\n").append(field).append(":\t"));
    if (begin == std::string_view::npos) {
        return {};
    }
    status.remove_prefix(begin + field.size() + 3);
    return status.substr(0, status.find('\n'));
}

bool no_such_process(const Error& error) { return error.number == ENOENT || error.number == ESRCH; }

} // namespace

Result<Process> Process::open(pid_t pid) {
    Process process;
    TRY_ASSIGN(process.directory_, open_at(working_directory, "/proc/" + std::to_string(pid), O_PATH | O_DIRECTORY));
    TRY(require_procfs(process.directory_.borrow()));
    TRY_ASSIGN(const auto text, read_at(process.directory_.borrow(), "stat"));
    TRY_ASSIGN(const auto stat, parse_stat(text));
    process.identity_ = {.pid = pid, .start_time = stat.start_time};
    const bool ended = stat.state == 'Z' || stat.state == 'X';
    process.dead_ = ended && stat.threads <= 1;
    process.main_thread_ended_ = ended && !process.dead_;
    process.thread_ = stat.thread;
    process.of_kernel_ = stat.of_kernel;
    return process;
}

Result<UniqueFd> Process::root() const { return open_at(directory_.borrow(), "root", O_PATH | O_DIRECTORY); }

Result<UniqueFd> Process::mount_namespace() const { return open_at(directory_.borrow(), "ns/mnt", O_RDONLY); }

Result<std::optional<UniqueFd>> Process::own_user_namespace() const {
    TRY_ASSIGN(const auto status, status_behind(directory_.borrow(), "ns/user"));
    if (is_initial_user_namespace(status)) {
        return std::nullopt;
    }
    TRY_ASSIGN(auto opened, open_at(directory_.borrow(), "ns/user", O_RDONLY));
    return opened;
}

Result<FileStatus> Process::pid_namespace() const { return status_behind(directory_.borrow(), "ns/pid"); }

Result<bool> Process::is_first_of_pid_namespace() const {
    TRY_ASSIGN(const auto text, read_at(directory_.borrow(), "status"));
    // Its numbers, from the reader's namespace inwards.
    const auto numbers = field_of(text, "NSpid");
    return numbers.substr(numbers.rfind('\t') + 1) == "1";
}

Result<UniqueFd> Process::mountinfo() const { return open_at(directory_.borrow(), "mountinfo", O_RDONLY); }

Result<std::string> Process::cgroup() const { return read_at(directory_.borrow(), "cgroup"); }

Result<std::string> Process::name() const {
    TRY_ASSIGN(auto text, read_at(directory_.borrow(), "comm"));
    text.resize(text.ends_with('\n') ? text.size() - 1 : text.size());
    return text;
}

Result<std::vector<std::string>> Process::command_line() const {
    TRY_ASSIGN(const auto text, read_at(directory_.borrow(), "cmdline"));
    std::vector<std::string> words;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.size(), text.find('\0', begin));
        words.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return words;
}

Result<std::uint64_t> Process::seccomp_filters() const {
    TRY_ASSIGN(const auto text, read_at(directory_.borrow(), "status"));
    const auto count = field_of(text, "Seccomp_filters");
    return count.empty() ? std::uint64_t{field_of(text, "Seccomp") == "2"} : parse_unsigned(count);
}

Result<bool> Process::may_have(unsigned capability) const {
    TRY_ASSIGN(const auto text, read_at(directory_.borrow(), "status"));
    const auto digits = field_of(text, "CapBnd");
    std::uint64_t bounding = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), bounding, 16);
    if (digits.empty() || failure != std::errc() || end != digits.data() + digits.size()) {
        return fail(Code::system, "/proc/PID/status has an unknown form");
    }
    return (bounding >> capability & 1U) != 0;
}

Result<Process::Owner> Process::namespace_root() const {
    TRY_ASSIGN(const auto users, read_at(directory_.borrow(), "uid_map"));
    TRY_ASSIGN(const auto groups, read_at(directory_.borrow(), "gid_map"));
    return Owner{.user = mapped_zero(users), .group = mapped_zero(groups)};
}

Result<std::vector<pid_t>> all_processes() {
    TRY_ASSIGN(const auto proc, open_at(working_directory, "/proc", O_RDONLY | O_DIRECTORY));
    TRY(require_procfs(proc.borrow()));
    TRY_ASSIGN(const auto names, list_directory(proc.borrow()));
    std::vector<pid_t> numbers;
    for (const auto& name : names) {
        if (const auto number = parse_unsigned(name)) {
            numbers.push_back(static_cast<pid_t>(*number));
        }
    }
    return numbers;
}

Result<bool> is_running(const ProcessIdentity& identity) {
    const auto process = Process::open(identity.pid);
    if (!process) {
        if (no_such_process(process.error())) {
            return false;
        }
        return std::unexpected(process.error());
    }
    return process->identity() == identity && !process->dead();
}

std::chrono::system_clock::time_point started_at(const ProcessIdentity& identity) {
    using std::chrono::system_clock;
    timespec since_boot{};
    ::clock_gettime(CLOCK_BOOTTIME, &since_boot); // as start times are counted
    const auto up = std::chrono::seconds(since_boot.tv_sec) + std::chrono::nanoseconds(since_boot.tv_nsec);
    const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    const std::chrono::milliseconds after_boot(identity.start_time * 1000 / ticks);
    return std::chrono::time_point_cast<system_clock::duration>(system_clock::now() - up + after_boot);
}

Result<std::string> own_cgroup() { return read_at(working_directory, "/proc/self/cgroup"); }

Result<std::string> boot_id() {
    static std::string known;
    if (known.empty()) {
        TRY_ASSIGN(known, read_at(working_directory, "/proc/sys/kernel/random/boot_id"));
        while (known.ends_with('\n')) {
            known.pop_back();
        }
    }
    return known;
}

Bytes page_size() { return Bytes{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))}; }

Result<std::uint64_t> total_ram() {
    struct sysinfo info{};
    if (call(SYS_sysinfo, &info) < 0) {
        return fail_errno(errno, "sysinfo");
    }
    return std::uint64_t{info.totalram} * info.mem_unit;
}

} // namespace bulkhead::sys
