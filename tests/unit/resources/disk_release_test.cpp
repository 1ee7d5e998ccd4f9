// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/disk_release.h"

#include "runtime/sys/file.h"
#include "support/failing_call.h"
#include "support/fake_layer.h"
#include "support/silent_fuse.h"

#include <doctest/doctest.h>
#include <functional>
#include <sys/syscall.h>

using namespace bulkhead;
using resources::disk_usage;
using resources::DiskHold;
using resources::Released;
using sys::QuotaLimits;
using test::Disk;
using test::DiskKind;
using test::FailingCall;
using test::Findings;
using test::set_label;
using test::what_of;

namespace {

const auto needs_xfs = doctest::skip(!test::can_mount_xfs());
const auto needs_xfs_quota = doctest::skip(!test::can_limit_xfs());

constexpr sys::ProjectId id = 4711;
constexpr QuotaLimits ours{
    .hard_bytes = Bytes{8U << 20U}, .soft_bytes = {}, .hard_inodes = Count{99}, .soft_inodes = {}};
constexpr QuotaLimits found{.hard_bytes = Bytes{16U << 20U}, .soft_bytes = {}, .hard_inodes = {}, .soft_inodes = {}};

std::string to_text(const Result<Released>& released) {
    if (!released) {
        return what_of(released);
    }
    switch (*released) {
    case Released::done:
        return "done";
    case Released::disk_not_here:
        return "not here";
    case Released::cannot_tell:
        return "cannot tell";
    }
    return "";
}

// As if the records lay elsewhere: all is synced.
Result<Released> release(const DiskHold& hold) { return resources::release_disk(hold, 0); }

DiskHold hold_of(const Disk& disk) {
    return {.filesystem = test::disk_uuid(),
            .id = id,
            .upper = disk.path("upper"),
            .found = found,
            .limits = ours,
            .alive = false};
}

// A disk with an upper directory that has a limit of ours.
std::string on_limited(const std::function<void(Findings&, Disk&, const DiskHold&)>& body) {
    return test::on_disk(DiskKind::xfs, "prjquota", [&](Findings& findings, Disk& disk) {
        std::filesystem::create_directory(disk.path("upper"));
        findings.expect(set_label(disk.path("upper"), {.id = id, .inherit = true}), "label");
        findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), id, ours)), "");
        body(findings, disk, hold_of(disk));
    });
}

std::string limits_on(const Disk& disk) {
    const auto quota = sys::quota_of(disk.root(), id);
    if (!quota) {
        return what_of(quota);
    }
    if (quota->limits == ours) {
        return "ours";
    }
    return quota->limits == found ? "found" : "others";
}

} // namespace

TEST_CASE("a disk that is not mounted is not here (root, mounts of its own)" *
          doctest::skip(!test::can_mount_privately())) {
    const DiskHold hold{
        .filesystem = "no-such-uuid", .id = id, .upper = "/no/such", .found = {}, .limits = ours, .alive = false};
    CHECK(to_text(release(hold)) == "not here");
    const auto usage = disk_usage(hold);
    REQUIRE(!usage);
    CHECK(usage.error().number == ENOENT);
    CHECK(usage.error().what == "the disk of /no/such: No such file or directory");
}

TEST_CASE("a disk that is mounted without quotas is told (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              const auto released = release(hold_of(disk));
              findings.expect(!released && released.error().code == Code::unsupported, "code");
              findings.expect_equal(what_of(released), "the disk of " + disk.path("upper") +
                                                           " is mounted without project quotas now, so the limits on "
                                                           "it cannot be given back; mount it with prjquota");
          }) == "");
}

TEST_CASE("two disks of one UUID cannot be told apart, one mounted twice is one (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              std::filesystem::create_directory(disk.beside("again"));
              findings.expect(disk.bind(disk.path(), disk.beside("again")), "bind");
              findings.expect(!to_text(release(hold_of(disk))).contains("cannot tell"), "twice");
              findings.expect(disk.mount_clone(disk.beside("clone"), "rw"), "clone");
              findings.expect_equal(to_text(release(hold_of(disk))), "cannot tell");
              findings.expect(!disk_usage(hold_of(disk)), "usage");
          }) == "");
}

TEST_CASE("the limits found come back through upper, and once more is no harm (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              const auto usage = disk_usage(hold);
              findings.expect(usage && usage->limits == ours && usage->used_inodes == Count{1}, "usage");
              findings.expect_equal(to_text(release(hold)), "done");
              findings.expect_equal(limits_on(disk), "found");
              findings.expect_equal(to_text(release(hold)), "done");
              findings.expect_equal(limits_on(disk), "found");
          }) == "");
}

TEST_CASE("the limits are on disk before the record goes, where that lies on another (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              const auto device = sys::status_of(disk.root())->device;
              const FailingCall failing(SYS_fsync, EIO);
              findings.expect_equal(to_text(release(hold)), "fsync: Input/output error");
              findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), id, ours)), "");
              findings.expect_equal(to_text(resources::release_disk(hold, device)), "done");
              findings.expect_equal(limits_on(disk), "found");
          }) == "");
}

TEST_CASE("they come back when upper is gone, has another id, or lies on another disk "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    for (const std::string what : {"gone", "another id", "another disk", "file"}) {
        CAPTURE(what);
        CHECK(on_limited([&](Findings& findings, Disk& disk, const DiskHold& hold) {
                  if (what == "another id") {
                      findings.expect(set_label(hold.upper, {.id = 12, .inherit = true}), "label");
                  } else if (what == "another disk") {
                      findings.expect(disk.tmpfs(hold.upper), "tmpfs");
                  } else {
                      std::filesystem::remove(hold.upper);
                  }
                  if (what == "file") {
                      test::write_file(hold.upper, "");
                  }
                  findings.expect_equal(to_text(release(hold)), "done");
                  findings.expect_equal(limits_on(disk), "found");
              }) == "");
    }
}

TEST_CASE("limits that somebody changed since are theirs (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              auto theirs = ours;
              theirs.hard_inodes = Count{98};
              findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), id, theirs)), "");
              findings.expect_equal(to_text(release(hold)), "done");
              auto expected = found;
              expected.hard_inodes = Count{98};
              findings.expect(sys::quota_of(disk.root(), id)->limits == expected, "not theirs beside what was found");
          }) == "");
}

TEST_CASE("defaults of the file system that came after us do not keep our limits (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              const QuotaLimits defaults{.hard_bytes = Bytes{64U << 20U},
                                         .soft_bytes = Bytes{4U << 20U},
                                         .hard_inodes = {},
                                         .soft_inodes = {}};
              findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), 0, defaults)), "");
              std::filesystem::create_directory(hold.upper + "/d"); // with which the kernel takes them over
              findings.expect(sys::quota_of(disk.root(), id)->limits.soft_bytes == defaults.soft_bytes, "no default");
              findings.expect_equal(to_text(release(hold)), "done");
              const auto limits = sys::quota_of(disk.root(), id)->limits;
              findings.expect(limits.hard_bytes == found.hard_bytes && limits.hard_inodes == Count{}, "ours stay");
          }) == "");
}

TEST_CASE("upper tells a disk from its clone, and without it nothing does (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              findings.expect(disk.mount_clone(disk.beside("clone"), "prjquota"), "clone");
              auto lost = hold;
              lost.upper = disk.path("lost");
              findings.expect_equal(to_text(release(lost)), "cannot tell");
              findings.expect_equal(limits_on(disk), "ours");
              lost.upper = disk.beside("clone"); // of this UUID, without the label
              findings.expect_equal(to_text(release(lost)), "cannot tell");
              findings.expect_equal(to_text(release(hold)), "done");
              findings.expect_equal(limits_on(disk), "found");
          }) == "");
}

TEST_CASE("a disk that is read-only is no place to give limits back (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              findings.expect(disk.remount("ro"), "read-only");
              auto lost = hold;
              lost.upper = disk.path("lost");
              findings.expect_equal(to_text(release(lost)), "not here");
              findings.expect(to_text(release(hold)).contains("Read-only file system"), to_text(release(hold)));
              findings.expect_equal(limits_on(disk), "ours");
              findings.expect(disk.remount("rw"), "writable");
              findings.expect_equal(to_text(release(lost)), "done");
              findings.expect_equal(limits_on(disk), "found");
          }) == "");
}

TEST_CASE("a mount point that is covered is not taken for the disk (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              std::filesystem::create_directory(disk.beside("again"));
              findings.expect(disk.bind(disk.path(), disk.beside("again")), "bind");
              findings.expect(disk.tmpfs(disk.path()), "cover");
              findings.expect_equal(to_text(release(hold)), "done");
              findings.expect_equal(limits_on(disk), "found");
              findings.expect(disk.unmount(disk.beside("again")), "unmount");
              findings.expect_equal(to_text(release(hold)), "not here");
          }) == "");
}

TEST_CASE("nor is it asked what covers it: FUSE need not answer (root, FUSE, XFS with project quotas)" *
          doctest::skip(!test::can_limit_xfs() || !test::can_mount(test::mount_silent_fuse))) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              std::filesystem::create_directory(disk.beside("again"));
              findings.expect(disk.bind(disk.path(), disk.beside("again")), "bind");
              findings.expect(test::mount_silent_fuse(disk.path()), "cover");
              auto lost = hold;
              lost.upper = disk.beside("again/gone");
              findings.expect_equal(to_text(release(lost)), "done");
              findings.expect(disk.unmount(disk.path()), "uncover");
              findings.expect_equal(limits_on(disk), "found");
          }) == "");
}

TEST_CASE("giving back: each call that fails is told, or got around, and the limits stay until it works "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_limited([](Findings& findings, Disk& disk, const DiskHold& hold) {
              for (const long number : {long{SYS_ioctl}, long{SYS_quotactl_fd}, long{SYS_openat}, long{SYS_fstatfs},
                                        long{SYS_read}, long{SYS_newfstatat}}) {
                  for (int let_through = 0;; ++let_through) {
                      findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), id, ours)), "");
                      Result<Released> released;
                      bool failed = false;
                      {
                          const FailingCall failing(number, EIO, let_through, 1);
                          released = release(hold);
                          failed = FailingCall::seen() > let_through;
                      }
                      findings.expect_equal(limits_on(disk), released == Released::done ? "found" : "ours");
                      if (!failed) {
                          break;
                      }
                  }
              }
          }) == "");
}
