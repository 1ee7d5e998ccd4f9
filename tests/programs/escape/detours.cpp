// SPDX-License-Identifier: Apache-2.0
#include "attempts.h"

#include "support/kernel_entry.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <filesystem>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

namespace escape {

namespace {

int wait_for(pid_t child) {
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

// Clears the inherit flag and the id, in whatever way there is a call for it.
long clear_label(const File& file) {
    fsxattr attributes{};
    return result_of(::ioctl(file.number(), FS_IOC_FSSETXATTR, &attributes));
}

// --- io_uring: an operation that hands a command to the file's driver
// --------------------------------------------------

long submit_command(int ring, const io_uring_params& setup, const File& file) {
    const auto size = setup.sq_off.array + (setup.sq_entries * sizeof(unsigned));
    const auto answers = setup.cq_off.cqes + (setup.cq_entries * sizeof(io_uring_cqe));
    constexpr int how = PROT_READ | PROT_WRITE;
    void* const queue = ::mmap(nullptr, size, how, MAP_SHARED, ring, IORING_OFF_SQ_RING);
    void* const slots = ::mmap(nullptr, std::size_t{setup.sq_entries} * 128, how, MAP_SHARED, ring, IORING_OFF_SQES);
    void* const done = ::mmap(nullptr, answers, how, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    if (queue == MAP_FAILED || slots == MAP_FAILED || done == MAP_FAILED) {
        return -errno;
    }
    static fsxattr attributes{};
    auto* const slot = static_cast<io_uring_sqe*>(slots);
    constexpr unsigned char uring_cmd = 46; // IORING_OP_URING_CMD, since Linux 5.19
    slot->opcode = uring_cmd;
    slot->fd = file.number();
    slot->off = FS_IOC_FSSETXATTR; // cmd_op
    slot->addr = reinterpret_cast<std::uint64_t>(&attributes);
    auto* const bytes = static_cast<char*>(queue);
    *reinterpret_cast<unsigned*>(bytes + setup.sq_off.array) = 0;
    *reinterpret_cast<volatile unsigned*>(bytes + setup.sq_off.tail) = 1;
    if (::syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) < 0) {
        return -errno;
    }
    const auto* const answer = reinterpret_cast<io_uring_cqe*>(static_cast<char*>(done) + setup.cq_off.cqes);
    return answer->res;
}

void try_uring(Attempts& attempts, const File& file) {
    io_uring_params setup{};
    setup.flags = 1U << 10U; // IORING_SETUP_SQE128, as such commands may need
    const File ring(static_cast<int>(::syscall(SYS_io_uring_setup, 4, &setup)));
    attempts.note("io_uring", ring.number() < 0 ? -errno : submit_command(ring.number(), setup, file));
}

// --- ptrace
// -----------------------------------------------------------------------------------------------------------

// A child that stops, and then makes a harmless call.
pid_t traced_child() {
    const pid_t child = ::fork();
    if (child == 0) {
        ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        ::raise(SIGSTOP);
        ::_exit(::syscall(SYS_getpriority, -1, 0, 0) == 0 ? 0 : errno); // fails, unless it was changed
    }
    wait_for(child);
    return child;
}

#if defined(__x86_64__)
// The tracer makes another call of it when the kernel has it already.
void try_changed_call(Attempts& attempts, const File& file) {
    static fsxattr attributes{};
    const pid_t child = traced_child();
    ::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr);
    wait_for(child);
    user_regs_struct words{};
    if (::ptrace(PTRACE_GETREGS, child, nullptr, &words) != 0) {
        attempts.note("a call that a tracer changes", -errno);
        ::kill(child, SIGKILL);
        wait_for(child);
        return;
    }
    words.orig_rax = SYS_ioctl;
    words.rdi = static_cast<unsigned long long>(file.number());
    words.rsi = FS_IOC_FSSETXATTR;
    words.rdx = reinterpret_cast<unsigned long long>(&attributes);
    ::ptrace(PTRACE_SETREGS, child, nullptr, &words);
    ::ptrace(PTRACE_CONT, child, nullptr, nullptr);
    const int status = wait_for(child);
    attempts.note("a call that a tracer changes", WIFEXITED(status) ? -long{WEXITSTATUS(status)} : -EIO);
}
#else
void try_changed_call(Attempts&, const File&) {}
#endif

void try_suspension(Attempts& attempts) {
    const pid_t child = traced_child();
    constexpr long suspend = 1U << 21U; // PTRACE_O_SUSPEND_SECCOMP
    attempts.note("PTRACE_O_SUSPEND_SECCOMP", result_of(::ptrace(PTRACE_SETOPTIONS, child, nullptr, suspend)));
    ::kill(child, SIGKILL);
    wait_for(child);
}

// As the kernel tells it: "Seccomp:	0" where no filter is on it.
bool has_filter(const std::string& process) {
    std::FILE* const file = std::fopen(("/proc/" + process + "/status").c_str(), "re");
    char line[256];
    int mode = 1;
    while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
        std::sscanf(line, "Seccomp: %d", &mode);
    }
    if (file != nullptr) {
        std::fclose(file);
    }
    return mode != 0;
}

// Who is not filtered could do it for us. Whether it may be traced is asked by reading where nothing is: it goes on as
// if nothing had been.
void try_others(Attempts& attempts) {
    std::error_code ignored;
    for (const auto& one : std::filesystem::directory_iterator("/proc", ignored)) {
        const auto name = one.path().filename().string();
        if (std::isdigit(static_cast<unsigned char>(name.front())) == 0 || has_filter(name)) {
            continue;
        }
        char byte = 0;
        const iovec here{.iov_base = &byte, .iov_len = 1};
        const iovec there{.iov_base = nullptr, .iov_len = 1};
        const long read = result_of(::process_vm_readv(static_cast<pid_t>(std::stol(name)), &here, 1, &there, 1, 0));
        attempts.note("tracing process " + name + ", which has no filter", read == -EFAULT ? 0 : read);
    }
}

// --- Filters of one's own
// ----------------------------------------------------------------------------------------------

void try_filter_on_top(Attempts& attempts, const File& file, const std::string& what, unsigned action) {
    const pid_t child = ::fork();
    if (child == 0) {
        std::array<sock_filter, 1> allow{{{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = action}}};
        sock_fprog program{.len = 1, .filter = allow.data()};
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
            ::_exit(errno);
        }
        ::_exit(static_cast<int>(-std::min(clear_label(file), 0L)));
    }
    const int status = wait_for(child);
    attempts.note("below a filter of its own that says " + what, WIFEXITED(status) ? -long{WEXITSTATUS(status)} : -EIO);
}

} // namespace

void try_detours(Attempts& attempts, const std::string& directory) {
    const File file(directory + "/escape.detour", O_RDWR | O_CREAT);
    try_uring(attempts, file);
    try_changed_call(attempts, file);
    try_suspension(attempts);
    try_others(attempts);
    try_filter_on_top(attempts, file, "ALLOW", SECCOMP_RET_ALLOW);
    try_filter_on_top(attempts, file, "LOG", SECCOMP_RET_LOG);
}

} // namespace escape
