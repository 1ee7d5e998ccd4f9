// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/namespace.h"

#include "runtime/sys/file.h"
#include "support/child.h"
#include "support/failing_call.h"
#include "support/private_mounts.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using sys::MountNamespaceVisit;
using test::FailingCall;

namespace {

UniqueFd own_namespace() { return UniqueFd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)); }

ino_t inode_of(const char* path) {
    struct stat status{};
    return ::stat(path, &status) == 0 ? status.st_ino : 0;
}

// A root directory with a /proc and a file that is in no other one.
bool make_root(const std::string& path) {
    std::filesystem::create_directories(path + "/proc");
    test::write_file(path + "/marker", "");
    return ::mount("proc", (path + "/proc").c_str(), "proc", 0, nullptr) == 0;
}

} // namespace

TEST_CASE("is_real_root is false for anybody else (not as root)" * doctest::skip(geteuid() == 0)) {
    CHECK(!sys::is_real_root().value());
}

TEST_CASE("is_real_root gives up root with the user id (root only)" * doctest::skip(geteuid() != 0)) {
    CHECK(test::in_child([](test::Findings& findings) {
              findings.expect(::setresuid(-1U, 1234, -1U) == 0, "setresuid");
              findings.expect(!sys::is_real_root().value(), "still root");
          }) == "");
}

TEST_CASE("is_real_root sees a user namespace (where one can be made)" *
          doctest::skip(!test::in_child([](test::Findings& findings) {
                             findings.expect(::unshare(CLONE_NEWUSER) == 0, "unshare");
                         }).empty())) {
    CHECK(test::in_child([](test::Findings& findings) {
              const auto user = ::geteuid();
              findings.expect(::unshare(CLONE_NEWUSER) == 0, "unshare");
              test::write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1\n");
              findings.expect(::geteuid() == 0, "not root inside");
              findings.expect(!sys::is_real_root().value(), "taken for root on the node");
          }) == "");
}

TEST_CASE("is_real_root tells a failing look (root only)" * doctest::skip(geteuid() != 0)) {
    const FailingCall failing(SYS_openat, EIO);
    CHECK(sys::is_real_root().error().number == EIO);
}

TEST_CASE("entering keeps the errno of what failed") {
    const auto ns = own_namespace();
    {
        const FailingCall failing(SYS_openat, EIO);
        CHECK(MountNamespaceVisit::enter(ns.borrow()).error().number == EIO);
    }
    const FailingCall failing(SYS_setns, EPERM);
    const auto refused = MountNamespaceVisit::enter(ns.borrow());
    REQUIRE(!refused);
    CHECK(refused.error().what == "setns to the container's mount namespace: Operation not permitted");
}

TEST_CASE("a visit to another mount namespace, and back (root only)" * doctest::skip(geteuid() != 0)) {
    const test::IdleProcess other([] { return ::unshare(CLONE_NEWNS) == 0; });
    REQUIRE(other.ready());
    CHECK(test::in_child([&](test::Findings& findings) {
              const auto theirs = "/proc/" + std::to_string(other.pid()) + "/ns/mnt";
              const auto there = inode_of(theirs.c_str());
              const auto home = inode_of("/proc/self/ns/mnt");
              const UniqueFd ns(::open(theirs.c_str(), O_RDONLY | O_CLOEXEC));
              auto visit = MountNamespaceVisit::enter(ns.borrow());
              findings.expect(visit.has_value(), "enter");
              findings.expect(inode_of("/proc/self/ns/mnt") == there || inode_of("/proc/self/ns/mnt") == 0,
                              "not there");
              visit = fail(Code::internal, "left");
              findings.expect(inode_of("/proc/self/ns/mnt") == home, "not back");
          }) == "");
}

TEST_CASE("leaving goes back to the root directory of a chroot (root, mounts of its own)" *
          doctest::skip(!test::can_mount_privately())) {
    const test::TemporaryDirectory root;
    CHECK(test::in_private_mounts([&](test::Findings& findings) {
              findings.expect(make_root(root.path()), "no /proc in the chroot");
              findings.expect(::chroot(root.path().c_str()) == 0 && ::chdir("/") == 0, "chroot");
              const auto ns = own_namespace();
              auto visit = MountNamespaceVisit::enter(ns.borrow());
              findings.expect(visit.has_value(), "enter");
              findings.expect(::access("/marker", F_OK) != 0, "the visit did not leave the chroot");
              visit = fail(Code::internal, "left");
              findings.expect(::access("/marker", F_OK) == 0, "not back in the chroot");
              findings.expect(::access("../../marker", F_OK) == 0, "working directory outside");
          }) == "");
}

TEST_CASE("a process that cannot come back ends, and says why (root only)" * doctest::skip(geteuid() != 0)) {
    for (const long number : {long{SYS_setns}, long{SYS_fchdir}, long{SYS_chroot}}) {
        const test::TemporaryDirectory directory;
        const int status = 71 << 8;
        CHECK(test::in_child([&](test::Findings& findings) {
                  const int file = ::creat(directory.path("stderr").c_str(), 0600);
                  findings.expect(::dup2(file, STDERR_FILENO) == STDERR_FILENO, "dup2");
                  findings.expect(::unshare(CLONE_NEWNS) == 0, "unshare");
                  const auto ns = own_namespace();
                  auto visit = MountNamespaceVisit::enter(ns.borrow());
                  findings.expect(visit.has_value(), "enter");
                  const FailingCall failing(number, EIO);
                  visit = fail(Code::internal, "left");
                  findings.add("went on");
              }) == "child ended with wait status " + std::to_string(status));
        CHECK(directory.read("stderr") == (number == SYS_setns
                                               ? "bulkhead: setns back to our mount namespace: Input/output error\n"
                                               : "bulkhead: return to our root directory: Input/output error\n"));
    }
}
