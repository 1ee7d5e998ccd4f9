// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/mount_copies.h"

#include "support/child.h"
#include "support/own_machine.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

using namespace bulkhead;
using test::Findings;

namespace {
constexpr std::chrono::milliseconds plenty{60'000};
}

TEST_CASE("copies of a mount are seen here and in other mount namespaces (root, mounts of its own)" *
          doctest::skip(!test::can_mount_privately())) {
    const auto found = test::as_init([](Findings& findings) {
        const test::TemporaryDirectory directory;
        const auto top = directory.path("top");
        findings.expect(test::mount_tmpfs(top, "top", "size=1m"), "mount");
        struct stat status{};
        findings.expect(::stat(top.c_str(), &status) == 0, "stat");
        findings.expect(!sys::may_have_copies(status.st_dev, plenty), "a copy, though there is none");
        findings.expect(sys::may_have_copies(status.st_dev, std::chrono::milliseconds(0)), "known without a look");
        findings.expect(sys::may_have_copies(makedev(4000, 1'000'000), plenty), "known of what is not mounted");
        {
            test::IdleProcess other([] { return ::unshare(CLONE_NEWNS) == 0; });
            findings.expect(other.ready(), "unshare");
            findings.expect(sys::may_have_copies(status.st_dev, plenty), "the copy is not seen");
            other.become_zombie();
            findings.expect(!sys::may_have_copies(status.st_dev, plenty), "a dead process's copy");
        }
        std::filesystem::create_directories(directory.path("bound"));
        findings.expect(::mount(top.c_str(), directory.path("bound").c_str(), nullptr, MS_BIND, nullptr) == 0, "bind");
        findings.expect(sys::may_have_copies(status.st_dev, plenty), "the bind is not seen");
        ::umount2(directory.path("bound").c_str(), MNT_DETACH);
        ::umount2(top.c_str(), MNT_DETACH);
    });
    CHECK(found.substr(0, found.find_last_not_of('\n') + 1) == "");
}
