// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/disk_quota.h"

#include "support/failing_call.h"
#include "support/fake_layer.h"

#include <cstdint>
#include <doctest/doctest.h>
#include <sys/syscall.h>

using namespace bulkhead;
using policy::DiskConfig;
using resources::DiskRequest;
using resources::limits_for;
using resources::require_quota;
using sys::FilesystemSize;
using sys::FilesystemType;
using sys::Quota;
using sys::QuotaLimits;
using test::both_of;
using test::Disk;
using test::DiskKind;
using test::FailingCall;
using test::FakeLayer;
using test::Findings;
using test::inodes_of;
using test::label_at;
using test::limits;
using test::needs_ext4;
using test::needs_xfs;
using test::needs_xfs_quota;
using test::on_layer;
using test::refusal;
using test::size_of;
using test::to_text;
using test::what_of;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

constexpr FilesystemSize xfs{
    .type = FilesystemType::xfs, .bytes = Bytes{1U << 30U}, .block = Bytes{4096}, .inodes = Count{1000}};
constexpr FilesystemSize ext4{
    .type = FilesystemType::ext4, .bytes = Bytes{1U << 30U}, .block = Bytes{1024}, .inodes = Count{1U << 16U}};

std::string limits_of(const DiskRequest& request, const FilesystemSize& filesystem, const QuotaLimits& found = {},
                      std::uint64_t used_inodes = 0, const DiskConfig& config = {}) {
    return to_text(limits_for(request, config, filesystem,
                              Quota{.limits = found, .used_bytes = {}, .used_inodes = Count{used_inodes}}));
}

} // namespace

TEST_CASE("limits: a size is rounded up to blocks, and implies inodes") {
    CHECK(limits_of(size_of(8 * mebibyte), xfs) == "8388608 0 2048 0");
    CHECK(limits_of(size_of((8 * mebibyte) + 1), xfs) == "8392704 0 2048 0");
    CHECK(limits_of(size_of(1), xfs) == "4096 0 1024 0"); // never less than 1024 implied
    CHECK(limits_of(size_of(1), ext4) == "1024 0 1024 0");
    CHECK(limits_of(size_of(512 * mebibyte), ext4) == "536870912 0 32768 0");     // its share of what ext4 has
    CHECK(limits_of(size_of(8 * mebibyte), xfs, {}, 5000) == "8388608 0 5000 0"); // what is there may stay
    CHECK(limits_of(size_of(INT64_MAX), xfs) == "9223372036854771712 0 2251799813685247 0");
    auto nothing = ext4;
    nothing.bytes = {};
    CHECK(limits_of(size_of(8 * mebibyte), nothing) == "8388608 0 2048 0");
    auto bounded = size_of(8 * mebibyte);
    bounded.most_inodes = Count{100}; // the node config's, which beats what the size implies, but not what is there
    CHECK(limits_of(bounded, xfs) == "8388608 0 100 0");
    CHECK(limits_of(bounded, xfs, {}, 5000) == "8388608 0 5000 0");
    bounded.most_inodes = Count{1U << 20U};
    CHECK(limits_of(bounded, xfs) == "8388608 0 2048 0");
    const DiskConfig bytes_alone{.implied_inodes = false};
    CHECK(limits_of(size_of(8 * mebibyte), xfs, {}, 5000, bytes_alone) == "8388608 0 0 0");
}

TEST_CASE("limits: inodes that were asked for are taken as they are") {
    CHECK(limits_of(inodes_of(7), xfs) == "0 0 7 0");
    CHECK(limits_of(both_of(8 * mebibyte, 7), xfs) == "8388608 0 7 0");
    CHECK(limits_of(both_of(8 * mebibyte, 7), xfs, {}, 5000) == "8388608 0 7 0");
    CHECK(limits_of({}, xfs) == "0 0 0 0");
    CHECK(limits_of({}, xfs, limits(1, 2, 3, 4)) == "1 1 3 3");
}

TEST_CASE("limits are never looser than what was there, and soft ones never above hard ones") {
    CHECK(limits_of(both_of(8 * mebibyte, 70), xfs, limits(4 * mebibyte, 0, 60, 0)) == "4194304 0 60 0");
    CHECK(limits_of(both_of(4 * mebibyte, 60), xfs, limits(8 * mebibyte, 0, 70, 0)) == "4194304 0 60 0");
    CHECK(limits_of(size_of(8 * mebibyte), xfs, limits(0, 0, 60, 0)) == "8388608 0 60 0");
    CHECK(limits_of(both_of(4 * mebibyte, 60), xfs, limits(0, 5 * mebibyte, 0, 61)) == "4194304 4194304 60 60");
    CHECK(limits_of(both_of(4 * mebibyte, 60), xfs, limits(0, mebibyte, 0, 5)) == "4194304 1048576 60 5");
    CHECK(limits_of(inodes_of(60), xfs, limits(0, mebibyte, 0, 0)) == "0 1048576 60 0");
}

TEST_CASE("a layer that is not on XFS or ext4 (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              findings.expect(disk.tmpfs(disk.path("memory")), "tmpfs");
              FakeLayer fake(disk, "a", "memory/overlay");
              findings.expect(fake.mount(), "overlay");
              const auto layer = fake.get();
              findings.expect_equal(refusal(findings, require_quota(layer, {})),
                                    "the writable layer (" + fake.path("diff") +
                                        ") is not on XFS or ext4; a disk limit needs one of them, with project quotas");
          }) == "");
}

TEST_CASE("a disk without quotas: the kernel's fault or the mount's (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_layer("", [](Findings& findings, Disk&, FakeLayer& fake) {
              const auto layer = fake.get();
              const auto what = refusal(findings, require_quota(layer, {}));
              findings.expect_equal(
                  what, test::can_limit_xfs()
                            ? "the XFS that holds " + fake.path("diff") +
                                  " is mounted without project quotas; mount it with the option prjquota (a remount is "
                                  "not enough on XFS; for a root file system rootflags=prjquota)"
                            : "the kernel has no quota for XFS (CONFIG_XFS_QUOTA, CONFIG_QUOTA); run one that has");
              findings.expect_equal(label_at(fake.path("diff")), "0");
              const FailingCall failing(SYS_quotactl_fd, EIO);
              findings.expect_equal(refusal(findings, require_quota(layer, {}), Code::system),
                                    "read the state of quotas: Input/output error");
          }) == "");
}

namespace {
int calls = 0;
// As a kernel with quotas that are not used: the first command does not exist, the second does nothing.
int quotas_not_used(long number) {
    if (number != SYS_quotactl_fd) {
        return 0;
    }
    return ++calls % 2 == 1 ? ENOSYS : EINVAL;
}
} // namespace

TEST_CASE("an ext4 without quotas: the feature's fault or the mount's, and no label stays "
          "(root, an ext4 of its own)" *
          needs_ext4) {
    for (const auto kind : {DiskKind::ext4, DiskKind::ext4_without_projects}) {
        CHECK(on_layer(
                  "",
                  [&](Findings& findings, Disk&, FakeLayer& fake) {
                      const auto layer = fake.get();
                      sys::intercept(&quotas_not_used);
                      const auto required = require_quota(layer, {});
                      sys::intercept(nullptr);
                      const auto begin = "the ext4 that holds " + fake.path("diff");
                      findings.expect_equal(
                          refusal(findings, required),
                          kind == DiskKind::ext4
                              ? begin + " is mounted without project quotas; mount it with the option prjquota (a "
                                        "remount is not enough on XFS; for a root file system rootflags=prjquota)"
                              : begin +
                                    " lacks the project feature; unmount it and run tune2fs -O project,quota on it");
                      findings.expect_equal(label_at(fake.path("diff")), "0");
                  },
                  kind) == "");
    }
}

TEST_CASE("quotas that only count: refused, switched on, or enough, as the config says "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_layer("pqnoenforce", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              const auto layer = fake.get();
              findings.expect_equal(refusal(findings, require_quota(layer, {})),
                                    "the XFS that holds " + fake.path("diff") +
                                        " counts project quotas and enforces none; mount it with prjquota, or set "
                                        "disk.enable-enforcement in the node config");
              findings.expect_equal(what_of(require_quota(layer, {.accounting_only = true})), "");
              findings.expect(sys::quota_state(disk.root()) == sys::QuotaState::accounting, "switched on");
              findings.expect_equal(what_of(require_quota(layer, {.enable_enforcement = true})), "");
              findings.expect(sys::quota_state(disk.root()) == sys::QuotaState::enforcing, "not switched on");
              findings.expect_equal(what_of(require_quota(layer, {})), "");
          }) == "");
}

TEST_CASE("limits are tightened by others, which never loosen them") {
    const auto tightened = [](const QuotaLimits& ours, const QuotaLimits& by) {
        return to_text(resources::tightened(ours, by));
    };
    CHECK(tightened(limits(8, 0, 9, 0), limits(0, 0, 0, 0)) == "8 0 9 0");
    CHECK(tightened(limits(8, 0, 9, 0), limits(7, 7, 10, 0)) == "7 0 9 0");
    CHECK(tightened(limits(0, 0, 0, 0), limits(7, 5, 10, 4)) == "7 0 10 0");
    CHECK(tightened(limits(8, 8, 9, 9), limits(4, 0, 5, 0)) == "4 4 5 5");
}
