// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/filesystem.h"

#include "support/disk.h"
#include "support/failing_call.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

using namespace bulkhead;
using sys::filesystem_size;
using sys::filesystem_uuid;
using sys::FilesystemType;
using test::Disk;
using test::DiskKind;
using test::FailingCall;
using test::Findings;

namespace {

const auto needs_xfs = doctest::skip(!test::can_mount_xfs());
const auto needs_ext4 = doctest::skip(!test::can_mount_ext4());

bool is_hexadecimal(const std::string& text) { return text.find_first_not_of("0123456789abcdef") == std::string::npos; }

void check_size(Findings& findings, const Disk& disk, FilesystemType type) {
    struct statfs expected{};
    findings.expect(::statfs(disk.path().c_str(), &expected) == 0, "statfs");
    const auto size = filesystem_size(disk.root());
    findings.expect(size && size->type == type, "type");
    findings.expect(size->block == Bytes{4096} || size->block == Bytes{1024}, "block");
    findings.expect(size->bytes.value == expected.f_blocks * size->block.value, "bytes");
    findings.expect(size->inodes.value == expected.f_files, "inodes");
}

} // namespace

TEST_CASE("the size and the UUID of an XFS, by the old ioctl too (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              check_size(findings, disk, FilesystemType::xfs);
              findings.expect_equal(filesystem_uuid(disk.root()).value(), test::disk_uuid());
              const FailingCall no_generic(SYS_ioctl, ENOTTY, 0, 1);
              findings.expect_equal(filesystem_uuid(disk.root()).value(), test::disk_uuid());
              findings.expect(FailingCall::seen() == 2, "it did not ask XFS");
          }) == "");
}

TEST_CASE("the size and the UUID of an ext4, by the old ioctl too (root, an ext4 of its own)" * needs_ext4) {
    CHECK(test::on_disk(DiskKind::ext4, "", [](Findings& findings, Disk& disk) {
              check_size(findings, disk, FilesystemType::ext4);
              findings.expect_equal(filesystem_uuid(disk.root()).value(), test::disk_uuid());
              const FailingCall no_generic(SYS_ioctl, ENOTTY, 0, 1);
              findings.expect_equal(filesystem_uuid(disk.root()).value(), test::disk_uuid());
              findings.expect(FailingCall::seen() == 2, "it did not ask ext4");
          }) == "");
}

TEST_CASE("where no ioctl tells, the id of fstatfs has to do (root, an ext4 of its own)" * needs_ext4) {
    CHECK(test::on_disk(DiskKind::ext4, "", [](Findings& findings, Disk& disk) {
              const FailingCall none(SYS_ioctl, ENOTTY);
              const auto id = filesystem_uuid(disk.root()).value();
              findings.expect(id.size() == 16 && is_hexadecimal(id) && id != "0000000000000000", id);
              findings.expect_equal(filesystem_uuid(disk.root()).value(), id);
          }) == "");
}

TEST_CASE("an ioctl that fails is no answer: with the id of fstatfs the record would be another disk's") {
    const auto proc = test::open_directory("/proc");
    for (const auto number : {EPERM, ENOMEM, EIO}) {
        const FailingCall fails(SYS_ioctl, number);
        CHECK(test::what_of(filesystem_uuid(proc.borrow())).starts_with("ask for the UUID of the file system: "));
    }
}

TEST_CASE("every XFS tells its UUID (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              const FailingCall none(SYS_ioctl, ENOTTY);
              findings.expect(!filesystem_uuid(disk.root()), "it made one up");
          }) == "");
}

TEST_CASE("a clone has the UUID of its disk (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              findings.expect(disk.mount_clone(disk.beside("clone"), "rw"), "clone");
              const auto clone = test::open_directory(disk.beside("clone"));
              findings.expect_equal(filesystem_uuid(clone.borrow()).value(), test::disk_uuid());
          }) == "");
}

TEST_CASE("another file system is other, and has some id") {
    const auto proc = test::open_directory("/proc");
    const auto size = filesystem_size(proc.borrow());
    REQUIRE(size);
    CHECK(size->type == FilesystemType::other);
    CHECK(size->block.value > 0);
    const auto id = filesystem_uuid(proc.borrow());
    REQUIRE(id);
    CHECK(!id->empty());
}

TEST_CASE("a failing fstatfs is told") {
    const auto directory = test::open_directory("/");
    const FailingCall failing(SYS_fstatfs, EIO);
    CHECK(test::what_of(filesystem_size(directory.borrow())) == "fstatfs: Input/output error");
    CHECK(test::what_of(filesystem_uuid(directory.borrow())) == "fstatfs: Input/output error");
}
