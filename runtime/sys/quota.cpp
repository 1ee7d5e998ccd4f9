// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/quota.h"

#include "runtime/sys/call.h"

#include <linux/dqblk_xfs.h>
#include <linux/quota.h>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {

constexpr unsigned project = PRJQUOTA;
constexpr std::uint64_t unit = 512; // BBSIZE: what fs_disk_quota counts in

long quotactl(BorrowedFd directory, unsigned command, ProjectId id, void* argument) {
    return call(SYS_quotactl_fd, directory.number(), QCMD(command, project), id, argument);
}

Bytes bytes(std::uint64_t units) { return Bytes{units * unit}; }
std::uint64_t units(Bytes bytes) { return (bytes.value / unit) + (bytes.value % unit != 0 ? 1 : 0); }

// Q_XQUOTASYNC does nothing where there is quota code for the file system, used or not (fs/quota/quota.c).
Result<QuotaState> why_off(BorrowedFd directory) {
    if (quotactl(directory, Q_XQUOTASYNC, 0, nullptr) < 0 && errno == ENOSYS) {
        return QuotaState::no_kernel_support;
    }
    return QuotaState::off;
}

} // namespace

Result<QuotaState> quota_state(BorrowedFd directory) {
    fs_quota_statv state{};
    state.qs_version = FS_QSTATV_VERSION1;
    if (quotactl(directory, Q_XGETQSTATV, 0, &state) < 0) {
        return errno == ENOSYS ? why_off(directory) : fail_errno(errno, "read the state of quotas");
    }
    if ((state.qs_flags & FS_QUOTA_PDQ_ACCT) == 0) {
        return QuotaState::off; // another kind of quota is on
    }
    return (state.qs_flags & FS_QUOTA_PDQ_ENFD) != 0 ? QuotaState::enforcing : QuotaState::accounting;
}

Result<void> enforce_quota(BorrowedFd directory) {
    unsigned flags = FS_QUOTA_PDQ_ENFD;
    if (quotactl(directory, Q_XQUOTAON, 0, &flags) < 0 && errno != EEXIST) { // EEXIST: it is on
        return fail_errno(errno, "switch enforcement of project quotas on");
    }
    return {};
}

Result<Quota> quota_of(BorrowedFd directory, ProjectId id) {
    fs_disk_quota quota{};
    if (quotactl(directory, Q_XGETQUOTA, id, &quota) < 0) {
        return errno == ENOENT ? Result<Quota>(Quota{})
                               : fail_errno(errno, "read the quota of project id " + std::to_string(id));
    }
    return Quota{.limits = {.hard_bytes = bytes(quota.d_blk_hardlimit),
                            .soft_bytes = bytes(quota.d_blk_softlimit),
                            .hard_inodes = Count{quota.d_ino_hardlimit},
                            .soft_inodes = Count{quota.d_ino_softlimit}},
                 .used_bytes = bytes(quota.d_bcount),
                 .used_inodes = Count{quota.d_icount}};
}

Result<void> set_quota_limits(BorrowedFd directory, ProjectId id, const QuotaLimits& limits) {
    fs_disk_quota quota{};
    quota.d_version = FS_DQUOT_VERSION;
    quota.d_flags = FS_PROJ_QUOTA;
    quota.d_id = id;
    quota.d_fieldmask = FS_DQ_BHARD | FS_DQ_BSOFT | FS_DQ_IHARD | FS_DQ_ISOFT;
    quota.d_blk_hardlimit = units(limits.hard_bytes);
    quota.d_blk_softlimit = units(limits.soft_bytes);
    quota.d_ino_hardlimit = limits.hard_inodes.value;
    quota.d_ino_softlimit = limits.soft_inodes.value;
    if (quotactl(directory, Q_XSETQLIM, id, &quota) < 0) {
        return fail_errno(errno, "set the limits of project id " + std::to_string(id));
    }
    return {};
}

} // namespace bulkhead::sys
