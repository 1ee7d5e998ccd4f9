// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/emptying.h"

#include "runtime/sys/file.h"
#include "support/descriptor.h"
#include "support/private_mounts.h"

#include <chrono>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace bulkhead;
using sys::empty_directory;

namespace {

constexpr std::chrono::milliseconds plenty{60'000};

std::size_t entries_in(const std::string& path) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
}

} // namespace

TEST_CASE("all kinds of files go, and what symlinks lead to stays") {
    const test::TemporaryDirectory directory;
    directory.write("top/file", "x");
    directory.write("top/a/b/c/file", "x");
    directory.write("top/a/.emptied-1/file", "x");
    directory.write("top/.emptied-1", "taken");
    directory.write("outside/file", "x");
    std::filesystem::create_directory_symlink(directory.path("outside"), directory.path("top/a/link"));
    std::filesystem::create_symlink("/nowhere", directory.path("top/dangling"));
    REQUIRE(::mkfifo(directory.path("top/a/fifo").c_str(), 0600) == 0);
    std::filesystem::create_hard_link(directory.path("top/file"), directory.path("top/a/b/hard"));
    const auto top = test::open_directory(directory.path("top"));
    CHECK(empty_directory(top.borrow(), plenty));
    CHECK(entries_in(directory.path("top")) == 0);
    CHECK(directory.read("outside/file") == "x");
    CHECK(empty_directory(top.borrow(), plenty));
}

TEST_CASE("a tree deeper than there are descriptors goes") {
    const test::TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path("top"));
    auto at = test::open_directory(directory.path("top"));
    constexpr int deep = 3000;
    for (int i = 0; i < deep; ++i) {
        REQUIRE(sys::make_directory_at(at.borrow(), "d", 0700));
        REQUIRE(sys::make_directory_at(at.borrow(), "e", 0700));
        at = sys::open_at(at.borrow(), "d", O_RDONLY | O_DIRECTORY).value();
    }
    at.reset();
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const auto top = test::open_directory(directory.path("top"));
    rlimit few = before;
    few.rlim_cur = 32;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    const auto emptied = empty_directory(top.borrow(), plenty);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(emptied);
    CHECK(entries_in(directory.path("top")) == 0);
}

TEST_CASE("what is mounted below stays, and all else goes (root, mounts of its own)" *
          doctest::skip(!test::can_mount_privately())) {
    CHECK(test::in_private_mounts([](test::Findings& findings) {
              const test::TemporaryDirectory directory;
              findings.expect(test::mount_tmpfs(directory.path("top"), "top", "size=1m"), "mount");
              findings.expect(test::mount_tmpfs(directory.path("top/a/b"), "other", "size=1m"), "mount below");
              directory.write("top/a/b/file", "x");
              directory.write("top/a/file", "x");
              directory.write("top/file", "x");
              {
                  const auto top = test::open_directory(directory.path("top"));
                  findings.expect(!empty_directory(top.borrow(), plenty), "a directory that is mounted on went");
              }
              findings.expect(directory.has("top/a/b/file") && !directory.has("top/a/file") &&
                                  !directory.has("top/file"),
                              "not what was to go");
              ::umount(directory.path("top/a/b").c_str());
              {
                  const auto top = test::open_directory(directory.path("top"));
                  findings.expect(empty_directory(top.borrow(), plenty).has_value(), "the rest did not go");
              }
              findings.expect(entries_in(directory.path("top")) == 0, "something is left");
              ::umount(directory.path("top").c_str());
          }) == "");
}

TEST_CASE("files that chattr protects go as well (root, a tmpfs that has such flags)" *
          doctest::skip(!test::can_mount_privately())) {
    CHECK(test::in_private_mounts([](test::Findings& findings) {
              const test::TemporaryDirectory directory;
              findings.expect(test::mount_tmpfs(directory.path("top"), "top", "size=1m"), "mount");
              directory.write("top/a/b/file", "x");
              directory.write("top/file", "x");
              constexpr int immutable = FS_IMMUTABLE_FL;
              for (const auto* path : {"top/a/b/file", "top/a/b", "top/a", "top/file", "top"}) {
                  const UniqueFd file(::open(directory.path(path).c_str(), O_RDONLY | O_CLOEXEC));
                  static_cast<void>(::ioctl(file.borrow().number(), FS_IOC_SETFLAGS, &immutable)); // from Linux 6.6 on
              }
              {
                  const auto top = test::open_directory(directory.path("top"));
                  const auto emptied = empty_directory(top.borrow(), plenty);
                  findings.expect_equal(emptied ? "" : emptied.error().what, "");
              }
              findings.expect(entries_in(directory.path("top")) == 0, "something is left");
              ::umount(directory.path("top").c_str());
          }) == "");
}

TEST_CASE("it has an end though there is more to remove, in the top and below it") {
    const test::TemporaryDirectory directory;
    directory.write("top/a/b/file", "x");
    const auto top = test::open_directory(directory.path("top"));
    const auto emptied = empty_directory(top.borrow(), std::chrono::milliseconds(0));
    REQUIRE(!emptied);
    CHECK(emptied.error().code == Code::busy);
    CHECK(entries_in(directory.path("top")) == 1);
    CHECK(empty_directory(top.borrow(), plenty));
    CHECK(entries_in(directory.path("top")) == 0);
}
