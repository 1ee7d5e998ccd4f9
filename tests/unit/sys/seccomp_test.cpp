// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/seccomp.h"

#include "support/child.h"
#include "support/failing_call.h"

#include <array>
#include <cerrno>
#include <doctest/doctest.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using test::Findings;

namespace {

const auto needs_root = doctest::skip(::geteuid() != 0);

constexpr sock_filter load_number{.code = BPF_LD | BPF_W | BPF_ABS, .jt = 0, .jf = 0, .k = 0};
constexpr sock_filter allow{.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ALLOW};

// getpid fails with `error`, and nothing else does.
std::array<sock_filter, 4> no_getpid(std::uint32_t error) {
    return {load_number,
            {.code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 0, .jf = 1, .k = SYS_getpid},
            {.code = BPF_RET | BPF_K, .jt = 0, .jf = 0, .k = SECCOMP_RET_ERRNO | error},
            allow};
}

int error_of_getpid() {
    errno = 0;
    return ::syscall(SYS_getpid) < 0 ? errno : 0;
}

bool become_nobody() {
    constexpr uid_t nobody = 65534;
    return ::geteuid() != 0 || (::setgroups(0, nullptr) == 0 && ::setuid(nobody) == 0);
}

std::string what_of(const Result<void>& result) { return result ? "" : result.error().what; }

} // namespace

TEST_CASE("a filter is in force at once, with no_new_privs as it was (root)" * needs_root) {
    CHECK(test::in_child([](Findings& findings) {
              findings.expect(error_of_getpid() == 0, "getpid before");
              findings.expect_equal(what_of(sys::install_filter(no_getpid(ENOTTY))), "");
              findings.expect(error_of_getpid() == ENOTTY, "getpid after");
              findings.expect(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "no_new_privs");
          }) == "");
}

TEST_CASE("without CAP_SYS_ADMIN a filter is refused, and what was missing is said") {
    CHECK(test::in_child([](Findings& findings) {
              findings.expect(become_nobody(), "setuid");
              const auto installed = sys::install_filter(no_getpid(ENOTTY));
              findings.expect_equal(what_of(installed),
                                    "set a seccomp filter: Permission denied; CAP_SYS_ADMIN is needed");
              findings.expect(!installed && installed.error().number == EACCES, "EACCES");
              findings.expect(error_of_getpid() == 0, "getpid");
          }) == "");
}

TEST_CASE("a kernel that has no filters") {
    for (const int error : {EINVAL, ENOSYS, ENOMEM}) {
        const test::FailingCall failing(SYS_seccomp, error);
        const auto what = what_of(sys::install_filter(std::array{allow}));
        CHECK(what.starts_with("set a seccomp filter: "));
        CHECK(what.ends_with("; a kernel with CONFIG_SECCOMP_FILTER is needed") == (error != ENOMEM));
    }
}

TEST_CASE("no program is no filter, nor is one that is longer than the kernel takes") {
    CHECK(what_of(sys::install_filter({})) == "a seccomp filter of 0 instructions");
    // 65536 would be 0 in the kernel's structure, 65537 one.
    for (const std::size_t size : {4097UL, 65536UL, 65537UL}) {
        const std::vector<sock_filter> program(size, allow);
        const auto installed = sys::install_filter(program);
        REQUIRE(!installed);
        CHECK(installed.error().code == Code::internal);
    }
}
