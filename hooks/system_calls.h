// SPDX-License-Identifier: Apache-2.0
// What the hook asks of the kernel once it has read its input, and why: all else ends it. What is not here and could
// be missed most: it executes nothing, makes no process, maps no code, and talks to nobody but over AF_UNIX.
//
// tests/integration/filter.bats holds it against what the linked program can call: neither has more than the other.
#pragma once

#include "hooks/filter_program.h"

#include <array>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/prctl.h>
#include <linux/quota.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

namespace bulkhead::hook {

// Not in Debian 12's headers; these have one number everywhere.
constexpr std::uint32_t number_of_statmount = 457;
constexpr std::uint32_t number_of_file_getattr = 468;
constexpr std::uint32_t number_of_file_setattr = 469;

constexpr std::array<std::uint32_t, 1> executable{PROT_EXEC};
constexpr std::array<std::uint32_t, 1> mount_namespace{CLONE_NEWNS};
constexpr std::array<std::uint32_t, 1> local_sockets{AF_UNIX};
constexpr std::array<std::uint32_t, 1> file_flags{F_GETFL};
constexpr std::array<std::uint32_t, 1> abortion{SIGABRT};
constexpr std::array<std::uint32_t, 2> secure_bits{PR_GET_SECUREBITS, PR_SET_SECUREBITS};
constexpr std::array<std::uint32_t, 7> ioctl_requests{
    FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR, // project ids
    FS_IOC_SETFLAGS,                      // segments are emptied, whatever chattr(1) did in them
    0x80111500,                           // FS_IOC_GETFSUUID
    0x8008662c,                           // EXT4_IOC_GETFSUUID
    0x80705864,                           // XFS_IOC_FSGEOMETRY_V1
    0x8008b705,                           // NS_GET_MNTNS_ID
};

constexpr std::array<std::uint32_t, 5> quota_commands{
    QCMD(Q_XGETQSTATV, PRJQUOTA), QCMD(Q_XQUOTASYNC, PRJQUOTA), // is there any
    QCMD(Q_XQUOTAON, PRJQUOTA),                                 // but not off, nor anything of users or groups
    QCMD(Q_XGETQUOTA, PRJQUOTA),  QCMD(Q_XSETQLIM, PRJQUOTA),
};

constexpr Condition is_one_of(std::uint32_t argument, std::span<const std::uint32_t> values) {
    return {.kind = Condition::Kind::is_one_of, .argument = argument, .values = values};
}
constexpr Condition has_none_of(std::uint32_t argument, std::span<const std::uint32_t> bits) {
    return {.kind = Condition::Kind::has_none_of, .argument = argument, .values = bits};
}

constexpr auto permitted_calls = std::to_array<PermittedCall>({
    // Memory, as malloc(3) gets it.
    {SYS_brk},
    {SYS_mmap, has_none_of(2, executable)},
    {SYS_mremap}, // a large block grows
    {SYS_munmap},
    // The end; with abort(3), which a failed assertion of the library's comes to.
    {SYS_exit_group},
    {SYS_writev}, // what libc says of a smashed stack
    {SYS_rt_sigprocmask},
    {SYS_getpid},
    {SYS_gettid},
    {SYS_tgkill, is_one_of(2, abortion)},
    // Time. Not every kernel's clock can be read without a call.
    {SYS_clock_gettime},
    {SYS_nanosleep},
    {SYS_restart_syscall}, // which is how the wait goes on in who was stopped meanwhile
    // Files: of the bundle, /proc, cgroups, the node config, the ledger.
    {SYS_openat},
    {SYS_openat2}, // below a container's root
    {SYS_close},
    {SYS_read},
    {SYS_pread64},
    {SYS_write},
    {SYS_pwrite64},
    {SYS_newfstatat},
    {SYS_statx},
    {SYS_fstatfs},
    {SYS_getdents64},
    {SYS_readlinkat},
    {SYS_fcntl, is_one_of(1, file_flags)}, // standard error that is open for appending is not written to
    {SYS_flock},
    {SYS_fsync},
    {SYS_ftruncate},
    {SYS_utimensat}, // what makes an XFS write its log out
    {SYS_mkdirat},
    {SYS_symlinkat},
    {SYS_unlinkat},
    {SYS_renameat2},
    // A /dev/shm or a segment's directory that is made, as its owner.
    {SYS_fchown},
    {SYS_fchmod},
    {SYS_setfsuid},
    {SYS_setfsgid},
    {SYS_prctl, is_one_of(0, secure_bits)},
    // Mounts.
    {SYS_setns, is_one_of(1, mount_namespace)},
    {SYS_chroot}, // the way back out of a namespace ends with it
    {SYS_fchdir},
    {SYS_fsopen},
    {SYS_fsconfig},
    {SYS_fsmount},
    {SYS_fspick},
    {SYS_open_tree},
    {SYS_move_mount},
    {SYS_mount_setattr},
    {SYS_umount2},
    {number_of_statmount},
    // Disk limits.
    {SYS_ioctl, is_one_of(1, ioctl_requests)},
    {number_of_file_getattr},
    {number_of_file_setattr},
    {SYS_quotactl_fd, is_one_of(1, quota_commands)},
    {SYS_getrandom}, // where the search for a free project id begins
    // The journal and systemd.
    {SYS_socket, is_one_of(0, local_sockets)},
    {SYS_connect},
    {SYS_sendto},
    {SYS_ppoll},
    // No call: what a tracer makes of one that it keeps from being made (strace --inject). It fails in any case.
    {0xffffffff},
    // Who and where we are.
    {SYS_geteuid},
    {SYS_sysinfo},
});

} // namespace bulkhead::hook
