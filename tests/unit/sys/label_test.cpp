// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/label.h"

#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <string>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using test::FailingCall;

TEST_CASE("a label is read as it was set (root only)" * doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory directory;
    directory.write("file", "");
    const UniqueFd file(::open(directory.path("file").c_str(), O_RDONLY | O_CLOEXEC));
    for (const auto& label : {std::string("system_u:object_r:container_file_t:s0:c1,c2"), std::string("x\0", 2)}) {
        const auto set = sys::set_security_label(file.borrow(), label);
        if (!set && set.error().number == EOPNOTSUPP) {
            MESSAGE("this file system holds no labels");
            return;
        }
        REQUIRE(set);
        CHECK(sys::security_label(file.borrow()).value() == label);
    }
}

TEST_CASE("a file without a label") {
    const test::TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    for (const int error : {ENODATA, EOPNOTSUPP}) {
        const FailingCall failing(SYS_fgetxattr, error);
        CHECK(sys::security_label(fd.borrow()).value() == std::nullopt);
    }
}

TEST_CASE("what goes wrong with a label") {
    const test::TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    {
        const FailingCall failing(SYS_fgetxattr, EIO);
        CHECK(sys::security_label(fd.borrow()).error().what == "read the file's SELinux label: Input/output error");
    }
    const FailingCall failing(SYS_fsetxattr, EPERM);
    const auto set = sys::set_security_label(fd.borrow(), "x");
    REQUIRE(!set);
    CHECK(set.error().what == "set the file's SELinux label: Operation not permitted");
    CHECK(set.error().number == EPERM);
}
