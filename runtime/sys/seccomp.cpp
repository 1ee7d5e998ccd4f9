// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/seccomp.h"

#include "runtime/base/line.h"
#include "runtime/sys/call.h"
#include "runtime/sys/file.h"

#include <cerrno>
#include <csignal>
#include <linux/seccomp.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

namespace bulkhead::sys {

namespace {

std::string_view mend(int number) {
    switch (number) {
    case EACCES:
        return "; CAP_SYS_ADMIN is needed";
    case EINVAL:
    case ENOSYS:
        return "; a kernel with CONFIG_SECCOMP_FILTER is needed";
    default:
        return "";
    }
}

volatile std::sig_atomic_t trapped_status = -1;

// Raised by the call itself, as if it had been a function of ours: not in the middle of anything but malloc(3), and
// that makes only calls that it always makes. A call that is trapped in here is the end without a word.
[[noreturn]] void end(int /*signal*/, siginfo_t* info, void* /*context*/) {
    write_to_stderr(report_line("", "system call " + std::to_string(info->si_syscall) +
                                        " is none that this program makes, and is refused; please report it") +
                    "\n");
    ::_exit(trapped_status);
}

} // namespace

Result<void> install_filter(std::span<const sock_filter> program, Logged logged) {
    if (program.empty() || program.size() > BPF_MAXINSNS) {
        return fail(Code::internal, "a seccomp filter of " + std::to_string(program.size()) + " instructions");
    }
    // The kernel only reads it; its structure is older than const.
    const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                            .filter = const_cast<sock_filter*>(program.data())};
    const unsigned log = logged == Logged::yes ? SECCOMP_FILTER_FLAG_LOG : 0;
    // SPEC_ALLOW: without it a filter switches a mitigation for those who run foreign code in a process of their own
    // (Speculative Store Bypass) on for the whole container, before Linux 5.16.
    if (call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW | log, &filter) < 0) {
        const int number = errno;
        auto failure = fail_errno(number, "set a seccomp filter");
        failure.error().what.append(mend(number));
        return failure;
    }
    return {};
}

void end_trapped_calls_with(int status) {
    const bool first = trapped_status < 0;
    trapped_status = status;
    if (first) {
        struct sigaction action{};
        action.sa_sigaction = end;
        action.sa_flags = SA_SIGINFO;
        static_cast<void>(::sigaction(SIGSYS, &action, nullptr)); // cannot fail with these arguments
    }
}

} // namespace bulkhead::sys
