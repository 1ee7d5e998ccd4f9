// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/tree.h"

#include "support/disk.h"
#include "support/failing_call.h"

#include <doctest/doctest.h>
#include <set>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <vector>

using namespace bulkhead;
using sys::clone_without_submounts;
using sys::TreeEntry;
using sys::walk_tree;
using test::FailingCall;
using test::Findings;
using test::what_of;

namespace {

const auto needs_mounts = doctest::skip(!test::can_mount_privately());
constexpr std::uint64_t plenty = 1000;

Result<std::vector<std::string>> names_below(const std::string& path, std::uint64_t most = plenty) {
    std::vector<std::string> names;
    const auto directory = test::open_directory(path);
    TRY(walk_tree(directory.borrow(), most, [&](const TreeEntry& entry) -> Result<void> {
        names.push_back(entry.name);
        return {};
    }));
    return names;
}

// By descriptors: the whole path may be longer than the kernel takes one.
void make_nested(const test::TemporaryDirectory& directory, int levels) {
    UniqueFd at = test::open_directory(directory.path());
    for (int i = 0; i < levels; ++i) {
        REQUIRE(::mkdirat(at.borrow().number(), "a", 0700) == 0);
        at = UniqueFd(::openat(at.borrow().number(), "a", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
}

} // namespace

TEST_CASE("a walk sees everything below once, a directory before what is in it") {
    const test::TemporaryDirectory directory;
    for (const std::string name : {"a/b/c/deep", "a/one", "a/two", "top", "z/.hidden"}) {
        directory.write(name, "");
    }
    std::filesystem::create_directory(directory.path("empty"));
    const auto names = names_below(directory.path()).value();
    CHECK((std::multiset<std::string>(names.begin(), names.end()) ==
           std::multiset<std::string>{"a", "b", "c", "deep", "one", "two", "top", "z", ".hidden", "empty"}));
    const auto place = [&](const std::string& name) { return std::ranges::find(names, name); };
    CHECK(place("a") < place("b"));
    CHECK(place("b") < place("c"));
    CHECK(place("c") < place("deep"));
    CHECK(place("a") < place("one"));
    CHECK(names_below(directory.path("empty")).value().empty());
}

TEST_CASE("a walk opens directories and regular files alone, and follows no symlink") {
    const test::TemporaryDirectory directory;
    directory.write("file", "text");
    directory.write("outside/secret", "");
    std::filesystem::create_directory(directory.path("top"));
    std::filesystem::rename(directory.path("file"), directory.path("top/file"));
    std::filesystem::create_directory(directory.path("top/directory"));
    std::filesystem::create_symlink("../outside", directory.path("top/link"));
    std::filesystem::create_symlink("missing", directory.path("top/dangling"));
    REQUIRE(::mkfifo(directory.path("top/fifo").c_str(), 0600) == 0);
    const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    directory.path("top/socket").copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener.borrow().number(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    std::set<std::string> opened;
    std::set<std::string> all;
    const auto top = test::open_directory(directory.path("top"));
    ::alarm(30);
    REQUIRE(walk_tree(top.borrow(), plenty, [&](const TreeEntry& entry) -> Result<void> {
        all.insert(entry.name);
        CHECK(entry.status.inode == sys::status_at(entry.directory, entry.name)->inode);
        if (entry.file) {
            opened.insert(entry.name);
            CHECK(sys::status_of(*entry.file)->inode == entry.status.inode);
        }
        return {};
    }));
    ::alarm(0);
    CHECK((all == std::set<std::string>{"file", "directory", "link", "dangling", "fifo", "socket"}));
    CHECK((opened == std::set<std::string>{"file", "directory"}));
}

TEST_CASE("a walk ends with the visitor's error") {
    const test::TemporaryDirectory directory;
    directory.write("a/b", "");
    int visits = 0;
    const auto top = test::open_directory(directory.path());
    const auto walked = walk_tree(top.borrow(), plenty, [&](const TreeEntry&) -> Result<void> {
        ++visits;
        return fail(Code::busy, "enough");
    });
    CHECK(what_of(walked) == "enough");
    CHECK(visits == 1);
}

TEST_CASE("a walk over more entries than it may see is told by its number") {
    const test::TemporaryDirectory directory;
    for (int i = 0; i < 10; ++i) {
        directory.write("d/" + std::to_string(i), "");
    }
    CHECK(names_below(directory.path(), 11).value().size() == 11);
    const auto refused = names_below(directory.path(), 10);
    REQUIRE(!refused);
    CHECK(refused.error().number == sys::tree_too_large);
    CHECK(refused.error().what == "holds more than 10 entries");
}

TEST_CASE("a walk goes 500 directories deep and no deeper") {
    const test::TemporaryDirectory directory;
    make_nested(directory, 499);
    CHECK(names_below(directory.path()).value().size() == 499);
    const test::TemporaryDirectory deeper;
    make_nested(deeper, 500);
    const auto refused = names_below(deeper.path());
    REQUIRE(!refused);
    CHECK(refused.error().number == sys::tree_too_large);
    CHECK(refused.error().what == "holds directories more than 500 deep");
}

TEST_CASE("what vanishes during a walk, before it is looked at or opened, is left out") {
    const test::TemporaryDirectory directory;
    directory.write("gone", "");
    for (const long number : {long{SYS_newfstatat}, long{SYS_openat}}) {
        const FailingCall vanished(number, ENOENT, 1); // the first is for the top
        CHECK(names_below(directory.path()).value().empty());
        CHECK(FailingCall::seen() == 2);
    }
}

TEST_CASE("each call of a walk that fails is told") {
    const test::TemporaryDirectory directory;
    directory.write("a/b", "");
    for (const long number : {long{SYS_openat}, long{SYS_newfstatat}, long{SYS_getdents64}}) {
        for (const int let_through : {0, 1}) {
            const FailingCall failing(number, EIO, let_through);
            const auto walked = names_below(directory.path());
            REQUIRE(!walked);
            CHECK(walked.error().number == EIO);
        }
    }
}

TEST_CASE("a walk does not cross into another file system (root, mounts of its own)" * needs_mounts) {
    CHECK(test::in_private_mounts([](Findings& findings) {
              const test::TemporaryDirectory directory;
              findings.expect(test::mount_tmpfs(directory.path("d/mount"), "tmpfs", ""), "mount");
              directory.write("d/mount/inside", "");
              const auto names = names_below(directory.path("d"));
              findings.expect(names && names->empty(), "it crossed");
              ::umount(directory.path("d/mount").c_str());
          }) == "");
}

TEST_CASE("a clone has what is mounted over uncovered, is seen by nobody and nodev (root, mounts of its own)" *
          needs_mounts) {
    CHECK(test::in_private_mounts([](Findings& findings) {
              const test::TemporaryDirectory directory;
              findings.expect(test::mount_tmpfs(directory.path("base"), "tmpfs", "mode=755"), "mount");
              directory.write("base/d/sub/under", "");
              findings.expect(test::mount_tmpfs(directory.path("base/d/sub"), "tmpfs", ""), "mount over");
              directory.write("base/d/sub/over", "");
              findings.expect(::mknod(directory.path("base/d/null").c_str(), S_IFCHR | 0600, 0x103) == 0, "mknod");
              const auto before = test::read_file("/proc/self/mountinfo");
              const auto original = test::open_directory(directory.path("base/d"));
              const auto clone = clone_without_submounts(original.borrow());
              findings.expect_equal(what_of(clone), "");
              findings.expect(sys::status_at(clone->borrow(), "sub/under").has_value(), "covered");
              findings.expect(!sys::status_at(clone->borrow(), "sub/over").has_value(), "with what is mounted");
              findings.expect(!sys::status_at(clone->borrow(), "../d").has_value(), "not its root");
              findings.expect_equal(test::read_file("/proc/self/mountinfo"), before);
              const auto device = sys::open_at(clone->borrow(), "null", O_RDONLY);
              findings.expect(!device && device.error().number == EACCES, "a device opens");
              findings.expect(sys::open_at(sys::working_directory, directory.path("base/d/null"), O_RDONLY).has_value(),
                              "nodev got out");
              ::umount(directory.path("base/d/sub").c_str());
              ::umount2(directory.path("base").c_str(), MNT_DETACH);
          }) == "");
}

TEST_CASE("a clone: each call that fails is told (root, mounts of its own)" * needs_mounts) {
    CHECK(test::in_private_mounts([](Findings& findings) {
              const test::TemporaryDirectory directory;
              findings.expect(test::mount_tmpfs(directory.path("base"), "tmpfs", ""), "mount");
              const auto opened = test::open_directory(directory.path("base"));
              for (const long number : {long{SYS_open_tree}, long{SYS_mount_setattr}, long{SYS_openat}}) {
                  const FailingCall failing(number, ENOSYS);
                  const auto clone = clone_without_submounts(opened.borrow());
                  findings.expect(!clone && clone.error().number == ENOSYS, std::to_string(number));
              }
              ::umount2(directory.path("base").c_str(), MNT_DETACH);
          }) == "");
}
