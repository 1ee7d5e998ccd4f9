// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/config_file.h"

#include "support/child.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;

// CRI-O would read it there, and elsewhere it is another directory's, which may be another file system.
TEST_CASE("a file begins beside its place, but above a directory of drop-ins (root only)" *
          doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory directory;
    for (const auto* const name : {"etc", "etc/crio.conf.d", "etc/plain", "etc/.a.tmp"}) {
        std::filesystem::create_directory(directory.path(name));
    }
    std::filesystem::create_directory(directory.path("etc/crio.conf.d/.b.tmp"));
    // A directory in its way.
    CHECK(engines::write_config(directory.path("etc/crio.conf.d/a"), "x").error().number == EISDIR);
    CHECK(engines::write_config(directory.path("etc/crio.conf.d/b"), "x"));
    CHECK(engines::write_config(directory.path("etc/plain/a"), "x"));
    CHECK(engines::write_config(directory.path("etc/a"), "x").error().number == EISDIR);
}

// Else the engine's own users, rootless podman's for one, could not read what is in them.
TEST_CASE("directories that are made can be read by all, whatever the umask is (root only)" *
          doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path("containers/containers.conf.d/50-bulkhead.conf");
    CHECK(test::in_child([&](test::Findings& findings) {
              ::umask(077);
              const auto written = engines::write_config(path, "x");
              findings.expect(written.has_value(), "not written");
          }) == "");
    struct stat status{};
    for (const auto* const made : {"containers", "containers/containers.conf.d"}) {
        CAPTURE(made);
        REQUIRE(::stat(directory.path(made).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0755);
    }
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0644);
}

TEST_CASE("what is written or removed is on disk when it returns, or that is told (root only)" *
          doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path("a");
    REQUIRE(engines::write_config(path, "old"));
    {
        const test::FailingCall failing(SYS_fsync, EIO); // the file's
        CHECK(engines::write_config(path, "new").error().number == EIO);
        CHECK(test::read_file(path) == "old");
        CHECK(!directory.has(".a.tmp"));
    }
    {
        const test::FailingCall failing(SYS_fsync, EIO, 1); // the directory's
        CHECK(engines::write_config(path, "new").error().number == EIO);
    }
    const test::FailingCall failing(SYS_fsync, EIO);
    CHECK(engines::write_config(path, std::nullopt).error().number == EIO);
}
