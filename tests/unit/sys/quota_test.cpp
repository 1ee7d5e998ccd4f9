// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/quota.h"

#include "runtime/sys/call.h"
#include "support/disk.h"
#include "support/failing_call.h"

#include <array>
#include <cerrno>
#include <doctest/doctest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using sys::Quota;
using sys::QuotaLimits;
using sys::QuotaState;
using test::Disk;
using test::DiskKind;
using test::FailingCall;
using test::Findings;
using test::what_of;

namespace {

const auto needs_xfs = doctest::skip(!test::can_mount_xfs());
const auto needs_xfs_quota = doctest::skip(!test::can_limit_xfs());
const auto needs_ext4_quota = doctest::skip(!test::can_limit_ext4());

constexpr std::uint64_t mebibyte = 1U << 20U;
constexpr QuotaLimits limits{
    .hard_bytes = Bytes{2 * mebibyte}, .soft_bytes = Bytes{mebibyte}, .hard_inodes = Count{9}, .soft_inodes = Count{8}};

std::string to_text(const QuotaLimits& some) {
    return std::to_string(some.hard_bytes.value) + " " + std::to_string(some.soft_bytes.value) + " " +
           std::to_string(some.hard_inodes.value) + " " + std::to_string(some.soft_inodes.value);
}

int quotactls = 0;
// The first call says that it is not there, the second nothing at all.
int unused_quota(long number) {
    if (number != SYS_quotactl_fd) {
        return 0;
    }
    return ++quotactls == 1 ? ENOSYS : EINVAL;
}

// ext4 limits nobody who has CAP_SYS_RESOURCE (ignore_hardlimit() in fs/quota/dquot.c). Overlays write without it.
bool drop_sys_resource() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) != 0) {
        return false;
    }
    sets[0].effective &= ~(1U << CAP_SYS_RESOURCE);
    return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

// Writes until it is refused; how much went in, in MiB.
std::size_t fill(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string block(1U << 16U, 'x');
    std::size_t written = 0;
    while (written < 8 * mebibyte) {
        const auto count = ::write(file.borrow().number(), block.data(), block.size());
        if (count <= 0) {
            break;
        }
        written += static_cast<std::size_t>(count);
    }
    return written / mebibyte;
}

void check_quota(Findings& findings, const Disk& disk, std::uint64_t rounded) {
    findings.expect(sys::quota_state(disk.root()) == QuotaState::enforcing, "state");
    findings.expect(sys::quota_of(disk.root(), 4711) == Quota{}, "a free id is not all zero");
    std::filesystem::create_directory(disk.path("d"));
    findings.expect(test::set_label(disk.path("d"), {.id = 4711, .inherit = true}), "label");
    test::write_file(disk.path("d/file"), std::string(mebibyte, 'x'));
    ::sync();
    auto quota = sys::quota_of(disk.root(), 4711).value();
    findings.expect(quota.used_inodes == Count{2}, "inodes: " + std::to_string(quota.used_inodes.value));
    findings.expect(quota.used_bytes.value >= mebibyte && quota.used_bytes.value < mebibyte + 65536,
                    "bytes: " + std::to_string(quota.used_bytes.value));
    findings.expect(quota.limits == QuotaLimits{}, "limits from nowhere");
    findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), 4711, limits)), "");
    findings.expect_equal(to_text(sys::quota_of(disk.root(), 4711)->limits), to_text(limits));
    findings.expect(drop_sys_resource(), "capset");
    findings.expect(fill(disk.path("d/more")) <= 1, "the limit holds nobody");
    auto odd = limits;
    odd.hard_bytes.value += 1;
    findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), 4711, odd)), "");
    findings.expect_equal(to_text(sys::quota_of(disk.root(), 4711)->limits),
                          to_text({.hard_bytes = Bytes{limits.hard_bytes.value + rounded},
                                   .soft_bytes = limits.soft_bytes,
                                   .hard_inodes = limits.hard_inodes,
                                   .soft_inodes = limits.soft_inodes}));
    findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), 4711, {})), "");
    findings.expect_equal(to_text(sys::quota_of(disk.root(), 4711)->limits), "0 0 0 0");
    findings.expect(sys::quota_of(disk.root(), 4712) == Quota{}, "another id");
    const UniqueFd o_path(::open(disk.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    findings.expect(sys::quota_of(o_path.borrow(), 4711).has_value(), "by O_PATH");
}

} // namespace

TEST_CASE("quota_state by what the kernel answers") {
    const auto directory = test::open_directory("/");
    {
        const FailingCall none(SYS_quotactl_fd, ENOSYS);
        CHECK(sys::quota_state(directory.borrow()) == QuotaState::no_kernel_support);
    }
    {
        quotactls = 0;
        sys::intercept(&unused_quota);
        const auto state = sys::quota_state(directory.borrow());
        sys::intercept(nullptr);
        CHECK(state == QuotaState::off);
        CHECK(quotactls == 2);
    }
    const FailingCall failing(SYS_quotactl_fd, EIO);
    CHECK(what_of(sys::quota_state(directory.borrow())) == "read the state of quotas: Input/output error");
}

TEST_CASE("each quota call that fails is told") {
    const auto directory = test::open_directory("/");
    const FailingCall failing(SYS_quotactl_fd, EPERM);
    CHECK(what_of(sys::quota_of(directory.borrow(), 7)) == "read the quota of project id 7: Operation not permitted");
    CHECK(what_of(sys::set_quota_limits(directory.borrow(), 7, limits)) ==
          "set the limits of project id 7: Operation not permitted");
    CHECK(what_of(sys::enforce_quota(directory.borrow())) ==
          "switch enforcement of project quotas on: Operation not permitted");
    CHECK(sys::quota_of(directory.borrow(), 7).error().number == EPERM);
}

TEST_CASE("an id that the kernel has nothing of is free, and enforcement may be on already") {
    const auto directory = test::open_directory("/");
    const FailingCall none(SYS_quotactl_fd, ENOENT);
    CHECK(sys::quota_of(directory.borrow(), 7) == Quota{});
    const FailingCall on(SYS_quotactl_fd, EEXIST);
    CHECK(sys::enforce_quota(directory.borrow()));
}

TEST_CASE("an XFS that is mounted without quotas has none (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              const auto state = sys::quota_state(disk.root());
              const auto want = test::can_limit_xfs() ? QuotaState::off : QuotaState::no_kernel_support;
              findings.expect(state == want, "state");
              findings.expect(!sys::quota_of(disk.root(), 7), "quota_of");
          }) == "");
}

TEST_CASE("an overlay has no quotas of its own (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              for (const std::string name : {"lower", "upper", "work", "merged"}) {
                  std::filesystem::create_directory(disk.path(name));
              }
              findings.expect(disk.overlay(disk.path("merged"), "lowerdir=" + disk.path("lower") +
                                                                    ",upperdir=" + disk.path("upper") +
                                                                    ",workdir=" + disk.path("work")),
                              "overlay");
              const auto merged = test::open_directory(disk.path("merged"));
              findings.expect(sys::quota_state(merged.borrow()) == QuotaState::no_kernel_support, "state");
          }) == "");
}

TEST_CASE("quotas of XFS: read, set, rounded up to blocks, and they hold (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(DiskKind::xfs, "prjquota",
                        [](Findings& findings, Disk& disk) { check_quota(findings, disk, 4096); }) == "");
}

TEST_CASE("quotas of ext4: read, set, and they hold (root, ext4 with project quotas)" * needs_ext4_quota) {
    CHECK(test::on_disk(DiskKind::ext4, "prjquota",
                        [](Findings& findings, Disk& disk) { check_quota(findings, disk, 512); }) == "");
}

TEST_CASE("quotas that only count can be made to hold, again and again (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(DiskKind::xfs, "pqnoenforce", [](Findings& findings, Disk& disk) {
              findings.expect(sys::quota_state(disk.root()) == QuotaState::accounting, "state");
              findings.expect_equal(what_of(sys::enforce_quota(disk.root())), "");
              findings.expect(sys::quota_state(disk.root()) == QuotaState::enforcing, "state after");
              findings.expect_equal(what_of(sys::enforce_quota(disk.root())), "");
          }) == "");
}

TEST_CASE("users' quotas are not projects' (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(test::on_disk(DiskKind::xfs, "uquota", [](Findings& findings, Disk& disk) {
              findings.expect(sys::quota_state(disk.root()) == QuotaState::off, "state");
          }) == "");
}
