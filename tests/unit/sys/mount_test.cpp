// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/mount.h"

#include "runtime/sys/file.h"
#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/private_mounts.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <functional>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using test::FailingCall;

namespace {

constexpr Bytes mebibyte{1U << 20U};
const sys::TmpfsOptions options{.size = Bytes{4U << 20U}, .mode = 01777, .owner = 0, .group = 0};

Result<void> fill(BorrowedFd tmpfs, std::size_t size) {
    const auto file = sys::open_at(tmpfs, "file", O_WRONLY | O_CREAT, 0600);
    return file ? sys::write_all(file->borrow(), std::string(size, 'x')) : std::unexpected(file.error());
}

Bytes size_of(BorrowedFd tmpfs) { return sys::tmpfs_use(tmpfs)->size; }

Error failing(long number, int let_through, const std::function<Result<void>()>& run) {
    const FailingCall intercepted(number, EIO, let_through);
    const auto done = run();
    return done ? Error{.code = Code::internal, .number = 0, .what = "it worked"} : done.error();
}

Result<void> make() {
    const auto made = sys::make_tmpfs(options);
    return made ? Result<void>{} : std::unexpected(made.error());
}

} // namespace

TEST_CASE("place_of tells a plain directory") {
    const test::TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    struct stat status{};
    REQUIRE(::fstat(fd.borrow().number(), &status) == 0);
    const auto place = sys::place_of(fd.borrow());
    REQUIRE(place);
    CHECK(place->device == status.st_dev);
    CHECK(!place->mount_root);
    CHECK(place->mount_id > 0);
}

TEST_CASE("what fails without privileges keeps its errno") {
    const test::TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    const auto here = fd.borrow();
    const auto place = [&]() -> Result<void> {
        TRY(sys::place_of(here));
        return {};
    };
    const auto use = [&]() -> Result<void> {
        TRY(sys::tmpfs_use(here));
        return {};
    };
    CHECK(failing(SYS_statx, 0, place).what == "statx: Input/output error");
    CHECK(failing(SYS_fstatfs, 0, use).what == "fstatfs: Input/output error");
    CHECK(failing(SYS_fspick, 0, [&] { return sys::resize_tmpfs(here, mebibyte); }).what ==
          "fspick: Input/output error");
    CHECK(failing(SYS_fsopen, 0, make).what == "fsopen tmpfs: Input/output error");
    CHECK(failing(SYS_move_mount, 0, [&] { return sys::attach_mount(here, here); }).what ==
          "move_mount: Input/output error");
}

TEST_CASE("a user without privileges is refused by the kernel (not as root)" * doctest::skip(geteuid() == 0)) {
    CHECK(sys::make_tmpfs(options).error().number == EPERM);
}

TEST_CASE("each step of making and resizing a tmpfs keeps its errno (root only)" * doctest::skip(geteuid() != 0)) {
    CHECK(failing(SYS_fsconfig, 0, make).what == "fsconfig source=shm: Input/output error");
    CHECK(failing(SYS_fsconfig, 1, make).what == "fsconfig size=4194304: Input/output error");
    CHECK(failing(SYS_fsconfig, 2, make).what == "fsconfig mode=1777: Input/output error");
    CHECK(failing(SYS_fsconfig, 3, make).what == "fsconfig uid=0: Input/output error");
    CHECK(failing(SYS_fsconfig, 4, make).what == "fsconfig gid=0: Input/output error");
    CHECK(failing(SYS_fsconfig, 5, make).what == "create tmpfs: Input/output error");
    CHECK(failing(SYS_fsmount, 0, make).what == "fsmount: Input/output error");
    const auto tmpfs = sys::make_tmpfs(options);
    REQUIRE(tmpfs);
    const auto resize = [&] { return sys::resize_tmpfs(tmpfs->borrow(), mebibyte); };
    CHECK(failing(SYS_fsconfig, 0, resize).what == "fsconfig size=1048576: Input/output error");
    CHECK(failing(SYS_fsconfig, 1, resize).what == "reconfigure tmpfs: Input/output error");
    CHECK(size_of(tmpfs->borrow()) == options.size);
}

TEST_CASE("make_tmpfs makes what was asked for (root only)" * doctest::skip(geteuid() != 0)) {
    const auto tmpfs = sys::make_tmpfs({.size = mebibyte, .mode = 01750, .owner = 1234, .group = 5678});
    REQUIRE(tmpfs);
    const int number = tmpfs->borrow().number();
    struct stat status{};
    REQUIRE(::fstat(number, &status) == 0);
    CHECK(status.st_mode == (S_IFDIR | 01750));
    CHECK(status.st_uid == 1234);
    CHECK(status.st_gid == 5678);
    struct statvfs flags{};
    REQUIRE(::fstatvfs(number, &flags) == 0);
    CHECK((flags.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC | ST_RDONLY)) == (ST_NOSUID | ST_NODEV | ST_NOEXEC));
    CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
    const auto place = sys::place_of(tmpfs->borrow());
    CHECK(place->mount_root);
    const auto use = sys::tmpfs_use(tmpfs->borrow());
    CHECK(use->size == mebibyte);
    CHECK(use->used == Bytes{0});
    CHECK(use->page == Bytes{static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))});
}

TEST_CASE("a directory in a tmpfs is no mount root (root only)" * doctest::skip(geteuid() != 0)) {
    const auto tmpfs = sys::make_tmpfs(options);
    REQUIRE(sys::make_directory_at(tmpfs->borrow(), "d", 0700));
    const auto inside = sys::open_at(tmpfs->borrow(), "d", O_PATH | O_DIRECTORY);
    const auto place = sys::place_of(inside->borrow());
    CHECK(!place->mount_root);
    CHECK(place->device == sys::place_of(tmpfs->borrow())->device);
    CHECK(size_of(inside->borrow()) == options.size);
}

TEST_CASE("resize_tmpfs grows and shrinks, but not below what is used (root only)" * doctest::skip(geteuid() != 0)) {
    const auto tmpfs = sys::make_tmpfs(options);
    REQUIRE(tmpfs);
    const auto root = tmpfs->borrow();
    REQUIRE(sys::resize_tmpfs(root, Bytes{8U << 20U}));
    CHECK(size_of(root) == Bytes{8U << 20U});
    REQUIRE(fill(root, 3U << 20U));
    CHECK(sys::tmpfs_use(root)->used == Bytes{3U << 20U});
    REQUIRE(sys::resize_tmpfs(root, Bytes{3U << 20U}));
    CHECK(size_of(root) == Bytes{3U << 20U});
    const auto refused = sys::resize_tmpfs(root, mebibyte);
    REQUIRE(!refused);
    CHECK(refused.error().number == EINVAL);
    CHECK(refused.error().what == "reconfigure tmpfs: Invalid argument (tmpfs: Too small a size for current use)");
    CHECK(size_of(root) == Bytes{3U << 20U});
}

TEST_CASE("resize_tmpfs cannot limit a tmpfs without a limit, and says so (root only)" *
          doctest::skip(geteuid() != 0)) {
    const auto tmpfs = sys::make_tmpfs({.size = Bytes{0}, .mode = 01777});
    REQUIRE(tmpfs);
    CHECK(size_of(tmpfs->borrow()) == Bytes{0});
    const auto refused = sys::resize_tmpfs(tmpfs->borrow(), mebibyte);
    REQUIRE(!refused);
    CHECK(refused.error().number == EINVAL);
    CHECK(refused.error().what == "reconfigure tmpfs: Invalid argument (tmpfs: Cannot retroactively limit size)");
}

TEST_CASE("resize_tmpfs keeps the flags of the mount and the options of the tmpfs (root only)" *
          doctest::skip(geteuid() != 0)) {
    const auto tmpfs = sys::make_tmpfs({.size = mebibyte, .mode = 01750, .owner = 1234, .group = 5678});
    REQUIRE(sys::resize_tmpfs(tmpfs->borrow(), options.size));
    struct stat status{};
    struct statvfs flags{};
    REQUIRE(::fstat(tmpfs->borrow().number(), &status) == 0);
    REQUIRE(::fstatvfs(tmpfs->borrow().number(), &flags) == 0);
    CHECK(status.st_mode == (S_IFDIR | 01750));
    CHECK(status.st_uid == 1234);
    CHECK((flags.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC)) == (ST_NOSUID | ST_NODEV | ST_NOEXEC));
}

TEST_CASE("resize_tmpfs takes a mount root only (root only)" * doctest::skip(geteuid() != 0)) {
    const auto tmpfs = sys::make_tmpfs(options);
    REQUIRE(sys::make_directory_at(tmpfs->borrow(), "d", 0700));
    const auto inside = sys::open_at(tmpfs->borrow(), "d", O_PATH | O_DIRECTORY);
    CHECK(sys::resize_tmpfs(inside->borrow(), mebibyte).error().number == EINVAL);
    CHECK(size_of(tmpfs->borrow()) == options.size);
}

TEST_CASE("attach_mount puts a tmpfs onto a directory (root, mounts of its own)" *
          doctest::skip(!test::can_mount_privately())) {
    const test::TemporaryDirectory directory;
    std::filesystem::create_directory(directory.path("target"));
    CHECK(test::in_private_mounts([&](test::Findings& findings) {
              const auto tmpfs = sys::make_tmpfs(options);
              const auto target = sys::open_at(sys::working_directory, directory.path("target"), O_PATH | O_DIRECTORY);
              const auto attached = sys::attach_mount(tmpfs->borrow(), target->borrow());
              findings.expect(attached.has_value(), attached ? "" : attached.error().what);
              const auto found = sys::open_at(sys::working_directory, directory.path("target"), O_PATH | O_DIRECTORY);
              const auto place = sys::place_of(found->borrow());
              findings.expect(place->mount_root, "not mounted");
              findings.expect(size_of(found->borrow()) == options.size, "size");
          }) == "");
    const auto target = test::open_directory(directory.path("target"));
    CHECK(!sys::place_of(target.borrow())->mount_root);
}
