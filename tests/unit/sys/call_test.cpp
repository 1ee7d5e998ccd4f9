// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/call.h"

#include "support/failing_call.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using test::FailingCall;

TEST_CASE("call passes arguments through and returns what the kernel returns") {
    CHECK(sys::call(SYS_getpid) == ::getpid());
    CHECK(sys::call(SYS_faccessat, -100, "/", 0) == 0);
    errno = 0;
    CHECK(sys::call(SYS_close, -1) == -1);
    CHECK(errno == EBADF);
}

TEST_CASE("an intercepted call is not made") {
    int ends[2] = {-1, -1};
    {
        const FailingCall failing(SYS_pipe2, EMFILE);
        errno = 0;
        CHECK(sys::call(SYS_pipe2, ends, 0) == -1);
        CHECK(errno == EMFILE);
        CHECK(ends[0] == -1);
        CHECK(sys::call(SYS_getpid) == ::getpid());
    }
    CHECK(sys::call(SYS_getppid) == ::getppid());
}

TEST_CASE("call_restarting goes on while it is interrupted, and only then") {
    {
        const FailingCall interrupted(SYS_getpid, EINTR, 0, 3);
        CHECK(sys::call_restarting(SYS_getpid) == ::getpid());
        CHECK(FailingCall::seen() == 4);
    }
    const FailingCall failing(SYS_getpid, EIO);
    CHECK(sys::call_restarting(SYS_getpid) == -1);
    CHECK(errno == EIO);
    CHECK(FailingCall::seen() == 1);
}
