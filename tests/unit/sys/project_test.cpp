// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/project.h"

#include "runtime/sys/file.h"
#include "support/disk.h"
#include "support/failing_call.h"

#include <cerrno>
#include <cstdio>
#include <doctest/doctest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

using namespace bulkhead;
using sys::ProjectLabel;
using test::Disk;
using test::DiskKind;
using test::Findings;
using test::label_at;
using test::set_label;
using test::what_of;

namespace {

const auto needs_xfs = doctest::skip(!test::can_mount_xfs());
const auto needs_ext4 = doctest::skip(!test::can_mount_ext4());

unsigned flags_of(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    fsxattr attributes{};
    return ::ioctl(file.borrow().number(), FS_IOC_FSGETXATTR, &attributes) == 0 ? attributes.fsx_xflags : 0U;
}

bool set_nodump(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    int flags = FS_NODUMP_FL;
    return ::ioctl(file.borrow().number(), FS_IOC_SETFLAGS, &flags) == 0;
}

void check_labels(Findings& findings, const Disk& disk) {
    const auto directory = disk.path("d");
    std::filesystem::create_directory(directory);
    test::write_file(disk.path("d/old"), "");
    findings.expect_equal(label_at(directory), "0");
    findings.expect(set_label(directory, {.id = 4711, .inherit = true}), "set");
    findings.expect_equal(label_at(directory), "4711+");
    findings.expect_equal(label_at(disk.path("d/old")), "0");
    test::write_file(disk.path("d/new"), "");
    std::filesystem::create_directory(disk.path("d/sub"));
    findings.expect_equal(label_at(disk.path("d/new")), "4711");
    findings.expect_equal(label_at(disk.path("d/sub")), "4711+");
    // A directory that inherits takes nothing of another id in.
    test::write_file(disk.path("other"), "");
    findings.expect(::rename(disk.path("other").c_str(), disk.path("d/other").c_str()) < 0 && errno == EXDEV,
                    "rename: no EXDEV");
    findings.expect(::link(disk.path("other").c_str(), disk.path("d/other").c_str()) < 0 && errno == EXDEV,
                    "link: no EXDEV");
    findings.expect(set_label(directory, {.id = 4711, .inherit = false}), "take inherit away");
    findings.expect_equal(label_at(directory), "4711");
    findings.expect(::rename(disk.path("other").c_str(), disk.path("d/other").c_str()) == 0, "rename");
    findings.expect(set_label(directory, {}), "back");
    findings.expect_equal(label_at(directory), "0");
}

} // namespace

TEST_CASE("project ids are set, read and inherited (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) { check_labels(findings, disk); }) == "");
}

TEST_CASE("project ids are set, read and inherited (root, an ext4 of its own)" * needs_ext4) {
    CHECK(test::on_disk(DiskKind::ext4, "", [](Findings& findings, Disk& disk) { check_labels(findings, disk); }) ==
          "");
}

TEST_CASE("the other attributes of a file stay (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              std::filesystem::create_directory(disk.path("d"));
              findings.expect(set_nodump(disk.path("d")), "nodump");
              findings.expect(set_label(disk.path("d"), {.id = 1, .inherit = true}), "set");
              findings.expect((flags_of(disk.path("d")) & FS_XFLAG_NODUMP) != 0, "nodump is gone");
              findings.expect(set_label(disk.path("d"), {}), "unset");
              findings.expect((flags_of(disk.path("d")) & FS_XFLAG_NODUMP) != 0, "nodump is gone after that");
          }) == "");
}

TEST_CASE("the highest id is 0xfffffffe (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              findings.expect(sys::set_project_label(disk.root(), {.id = 0xfffffffeU, .inherit = true}).has_value(),
                              "0xfffffffe");
              findings.expect_equal(label_at(disk.path()), "4294967294+");
              const auto none = sys::set_project_label(disk.root(), {.id = 0xffffffffU, .inherit = true});
              findings.expect_equal(what_of(none), "set project id 4294967295: Invalid argument");
              findings.expect_equal(label_at(disk.path()), "4294967294+");
          }) == "");
}

TEST_CASE("an ext4 without the feature says so (root, an ext4 of its own)" * needs_ext4) {
    CHECK(test::on_disk(DiskKind::ext4_without_projects, "", [](Findings& findings, Disk& disk) {
              const auto label = sys::project_label(disk.root());
              findings.expect(label && *label == ProjectLabel{}, "reading");
              const auto set = sys::set_project_label(disk.root(), {.id = 7, .inherit = false});
              findings.expect(!set && set.error().number == EOPNOTSUPP, "setting");
          }) == "");
}

TEST_CASE("what cannot be opened has an id by its name, and no symlink is followed (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              test::write_file(disk.path("target"), "");
              std::filesystem::create_symlink("target", disk.path("link"));
              ::mkfifo(disk.path("fifo").c_str(), 0600);
              ::mknod(disk.path("device").c_str(), S_IFCHR | 0600, 0);
              for (const std::string name : {"link", "fifo", "device"}) {
                  const auto set = sys::set_project_at(disk.root(), name, 7);
                  const auto id = sys::project_at(disk.root(), name);
                  const bool unknown = !set && (set.error().number == ENOSYS || set.error().number == EOPNOTSUPP);
                  if (unknown) { // before Linux 6.17
                      findings.expect(!id && id.error().number == set.error().number, name + ": reading");
                      continue;
                  }
                  findings.expect(set && id && *id == 7, name);
              }
              findings.expect_equal(label_at(disk.path("target")), "0");
              findings.expect(!sys::project_at(disk.root(), "missing"), "missing");
              findings.expect(!sys::set_project_at(disk.root(), "missing", 1), "set missing");
          }) == "");
}

TEST_CASE("a file system that knows no project ids is ENOTTY") {
    const auto proc = test::open_directory("/proc");
    const auto label = sys::project_label(proc.borrow());
    REQUIRE(!label);
    CHECK(label.error().number == ENOTTY);
    CHECK(label.error().what == "read the project id: Inappropriate ioctl for device");
    CHECK(!sys::set_project_label(proc.borrow(), {}));
}

TEST_CASE("project ids: each call that fails is told (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              std::filesystem::create_symlink("x", disk.path("link"));
              for (const int let_through : {0, 1}) {
                  const test::FailingCall failing(SYS_ioctl, EPERM, let_through);
                  findings.expect_equal(what_of(sys::set_project_label(disk.root(), {.id = 7, .inherit = false})),
                                        std::string(let_through == 0 ? "read the project id" : "set project id 7") +
                                            ": Operation not permitted");
              }
              constexpr long file_getattr = 468;
              const test::FailingCall failing(file_getattr, ENOSYS);
              findings.expect_equal(what_of(sys::project_at(disk.root(), "link")),
                                    "read the project id of \"link\": Function not implemented");
              const auto set = sys::set_project_at(disk.root(), "link", 7);
              findings.expect(!set && set.error().number == ENOSYS, "set");
          }) == "");
}
