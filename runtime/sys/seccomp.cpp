// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/seccomp.h"

#include "runtime/sys/call.h"

#include <cerrno>
#include <linux/seccomp.h>
#include <sys/syscall.h>

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

} // namespace

Result<void> install_filter(std::span<const sock_filter> program) {
    if (program.empty() || program.size() > BPF_MAXINSNS) {
        return fail(Code::internal, "a seccomp filter of " + std::to_string(program.size()) + " instructions");
    }
    // The kernel only reads it; its structure is older than const.
    const sock_fprog filter{.len = static_cast<unsigned short>(program.size()),
                            .filter = const_cast<sock_filter*>(program.data())};
    // SPEC_ALLOW: without it a filter switches a mitigation for those who run foreign code in a process of their own
    // (Speculative Store Bypass) on for the whole container, before Linux 5.16.
    if (call(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter) < 0) {
        const int number = errno;
        auto failure = fail_errno(number, "set a seccomp filter");
        failure.error().what.append(mend(number));
        return failure;
    }
    return {};
}

} // namespace bulkhead::sys
