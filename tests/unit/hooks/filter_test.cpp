// SPDX-License-Identifier: Apache-2.0
// The filter on this kernel: what is refused, and how that ends.
#include "hooks/filter.h"

#include "runtime/sys/process.h"
#include "support/child.h"
#include "support/failing_call.h"
#include "support/kernel_entry.h"
#include "support/temporary_directory.h"

#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <functional>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern "C" void __stack_chk_fail(); // what the compiler calls (gcc, -fstack-protector)

using namespace bulkhead;
using test::call_native;

namespace {

#if defined(BULKHEAD_SANITIZED)
const auto needs_filter = doctest::skip(true);
#else
const auto needs_filter = doctest::skip(::geteuid() != 0);
#endif

struct End {
    int status = -1; // as waitpid(2) has it
    std::string said;
};

// Of a process that does this behind the filter, and then ends with 0.
End behind_filter(const std::function<void()>& body) {
    const test::TemporaryDirectory directory;
    End end;
    const pid_t child = ::fork();
    if (child == 0) {
        const int file = ::open(directory.path("said").c_str(), O_WRONLY | O_CREAT, 0600);
        ::dup2(file, STDERR_FILENO);
        ::signal(SIGABRT, SIG_DFL); // doctest's
        if (!hook::put_up_filter()) {
            ::_exit(1);
        }
        body();
        ::_exit(0);
    }
    end.status = test::wait_for(child);
    end.said = directory.read("said");
    return end;
}

std::string line_of(long number) {
    return "bulkhead: system call " + std::to_string(number) +
           " is none that this program makes, and is refused; please report it\n";
}

bool ended_with(const End& end, int status) { return WIFEXITED(end.status) && WEXITSTATUS(end.status) == status; }

struct Row {
    long number;
    std::vector<long> arguments{};
};

End after(const Row& row) {
    return behind_filter([&row] {
        auto arguments = row.arguments;
        arguments.resize(5);
        call_native(row.number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]);
    });
}

} // namespace

TEST_CASE("what the hook has no use for ends it, with a line that says what it was (root, no sanitizers)" *
          needs_filter) {
    const std::vector<Row> table{
        {SYS_execve},
        {SYS_execveat},
        {SYS_clone, {SIGCHLD}},
        {SYS_clone3},
        {SYS_ptrace},
        {SYS_process_vm_writev},
        {SYS_bpf},
        {SYS_perf_event_open},
        {SYS_kexec_load},
        {SYS_init_module},
        {SYS_finit_module},
        {SYS_io_uring_setup},
        {SYS_userfaultfd},
        {SYS_unshare},
        {SYS_mount},
        {SYS_pivot_root},
        {SYS_mknodat},
        {SYS_linkat},
        {SYS_open_by_handle_at},
        {SYS_kill},
        {SYS_setuid},
        {SYS_capset},
        {SYS_seccomp},
        {SYS_memfd_create},
        {SYS_mprotect},
        {SYS_rt_sigaction},
        {600},
        {SYS_socket, {AF_INET, SOCK_STREAM}},
        {SYS_socket, {AF_NETLINK, SOCK_RAW}},
        {SYS_ioctl, {-1, 0x5412}}, // TIOCSTI
        {SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
        {SYS_prctl, {PR_SET_DUMPABLE, 1}},
        {SYS_setns, {-1, CLONE_NEWNET}},
        {SYS_setns, {-1, 0}}, // a namespace of any kind
        {SYS_fcntl, {0, F_SETFL}},
        {SYS_quotactl_fd, {-1, QCMD(Q_XQUOTAOFF, PRJQUOTA)}},
        {SYS_quotactl_fd, {-1, QCMD(Q_XSETQLIM, USRQUOTA)}},
        {SYS_tgkill, {1, 1, SIGKILL}},
    };
    for (const auto& row : table) {
        const auto end = after(row);
        CAPTURE(row.number);
        CHECK(ended_with(end, 70));
        CHECK(end.said == line_of(row.number));
    }
}

TEST_CASE("the same calls with what the hook does with them are let through (root, no sanitizers)" * needs_filter) {
    const std::vector<Row> table{
        {SYS_socket, {AF_UNIX, SOCK_STREAM}},
        {SYS_ioctl, {-1, FS_IOC_FSGETXATTR}},
        {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
        {SYS_prctl, {PR_GET_SECUREBITS}},
        {SYS_setns, {-1, CLONE_NEWNS}},
        {SYS_fcntl, {0, F_GETFL}},
        {SYS_quotactl_fd, {-1, QCMD(Q_XSETQLIM, PRJQUOTA)}},
        {-1}, // what a tracer makes of a call that it skips
    };
    for (const auto& row : table) {
        const auto end = after(row);
        CAPTURE(row.number);
        CHECK(ended_with(end, 0));
        CHECK(end.said == "");
    }
}

TEST_CASE("at poststop the end is a good one, and the line the same (root, no sanitizers)" * needs_filter) {
    const auto end = behind_filter([] {
        hook::forgive_refused_calls();
        call_native(SYS_execve, 0, 0, 0);
    });
    CHECK(ended_with(end, 0));
    CHECK(end.said == line_of(SYS_execve));
}

#if defined(__x86_64__)
TEST_CASE("nor is there another entry into the kernel (root, no sanitizers)" * needs_filter) {
    CHECK(ended_with(behind_filter([] { call_native(SYS_getpid | test::x32_bit, 0, 0, 0); }), 70));
    if (test::has_i386_entry()) {
        constexpr long getpid_of_i386 = 20;
        CHECK(ended_with(behind_filter([] { test::call_i386(getpid_of_i386, 0, 0, 0); }), 70));
    }
}
#endif

TEST_CASE("a failed assertion is still one: the process aborts (root, no sanitizers)" * needs_filter) {
    const auto end = behind_filter([] { std::abort(); });
    CHECK(WIFSIGNALED(end.status));
    CHECK(WTERMSIG(end.status) == SIGABRT);
}

TEST_CASE("libc still says what it ends for (root, no sanitizers)" * needs_filter) {
    const auto end = behind_filter([] { __stack_chk_fail(); });
    CHECK(WIFSIGNALED(end.status));
    CHECK(WTERMSIG(end.status) == SIGABRT);
    CHECK(end.said.contains("stack smashing detected"));
}

TEST_CASE("memory comes and goes in any size (root, no sanitizers)" * needs_filter) {
    const auto end = behind_filter([] {
        std::string text;
        for (std::size_t size = 1; size <= 64UL << 20U; size *= 2) {
            auto* volatile block = std::malloc(size);
            block = std::realloc(block, size + (size / 2) + 1);
            std::free(block);
            text.append(size / 4, 'x');
        }
    });
    CHECK(ended_with(end, 0));
    CHECK(end.said == "");
}

TEST_CASE("a kernel without filters is told") {
    const test::FailingCall missing(SYS_seccomp, EINVAL);
    const auto done = hook::put_up_filter();
#if defined(BULKHEAD_SANITIZED)
    CHECK(done);
#else
    CHECK(done.error().what == "the hook's own filter: set a seccomp filter: Invalid argument; a kernel with "
                               "CONFIG_SECCOMP_FILTER is needed");
#endif
}
