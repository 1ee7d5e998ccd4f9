// SPDX-License-Identifier: Apache-2.0
// The engine binds files of the host's disk into a container (/etc/hosts, volumes): their mounts name the disk.
#include "attempts.h"
#include "mounts.h"

#include "support/kernel_entry.h"

#include <array>
#include <cstddef>
#include <linux/dqblk_xfs.h>
#include <linux/quota.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#if defined(__x86_64__)
#include <sys/io.h>
#endif

namespace escape {

namespace {

constexpr long number_of_quotactl_fd = 443;

unsigned command(unsigned what) { return QCMD(what, PRJQUOTA); }

// No limits for `id`.
fs_disk_quota no_limit(std::uint32_t id) {
    fs_disk_quota quota{};
    quota.d_version = FS_DQUOT_VERSION;
    quota.d_flags = FS_PROJ_QUOTA;
    quota.d_id = id;
    quota.d_fieldmask = FS_DQ_LIMIT_MASK;
    return quota;
}

void try_quota(Attempts& attempts, const std::string& place, std::uint32_t id) {
    const File file(place, O_RDONLY);
    auto quota = no_limit(id);
    attempts.note("quotactl_fd by " + place,
                  result_of(::syscall(number_of_quotactl_fd, file.number(), command(Q_XSETQLIM), id, &quota)));
}

// What is mounted goes at once.
void try_mount(Attempts& attempts, const std::string& directory, const std::string& node, const std::string& name) {
    const auto place = directory + "/escape.mounted";
    ::mkdir(place.c_str(), 0700);
    for (const std::string type : {"xfs", "ext4"}) {
        const long mounted = result_of(::mount(node.c_str(), place.c_str(), type.c_str(), MS_RDONLY, nullptr));
        if (mounted >= 0) {
            ::umount2(place.c_str(), MNT_DETACH);
        }
        attempts.note(std::string("mounting the disk ").append(name).append(" as ").append(type), mounted);
    }
}

void try_device(Attempts& attempts, const std::string& directory, const Mount& mount, std::uint32_t id) {
    const auto name = std::to_string(mount.major) + ":" + std::to_string(mount.minor);
    const auto node = directory + "/escape.disk";
    ::unlink(node.c_str());
    if (::mknod(node.c_str(), S_IFBLK | 0600, makedev(mount.major, mount.minor)) != 0) {
        attempts.note("a node for the disk " + name, -errno);
        return;
    }
    attempts.note("opening the disk " + name, result_of(::open(node.c_str(), O_WRONLY | O_CLOEXEC)));
    auto quota = no_limit(id);
    attempts.note("quotactl on the disk " + name,
                  result_of(::syscall(SYS_quotactl, command(Q_XSETQLIM), node.c_str(), id, &quota)));
    try_mount(attempts, directory, node, name);
    ::unlink(node.c_str());
}

void try_handle(Attempts& attempts, const std::string& place) {
    alignas(file_handle) std::array<std::byte, sizeof(file_handle) + MAX_HANDLE_SZ> memory{};
    auto* const handle = reinterpret_cast<file_handle*>(memory.data());
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    if (::name_to_handle_at(AT_FDCWD, place.c_str(), handle, &mount, 0) != 0) {
        attempts.note("a handle of " + place, -errno);
        return;
    }
    const File anchor(place, O_RDONLY);
    attempts.note("opening " + place + " by handle",
                  result_of(::open_by_handle_at(anchor.number(), handle, O_RDONLY | O_CLOEXEC)));
}

} // namespace

void try_disk(Attempts& attempts, const std::string& directory) {
    const auto id = label_of(File(directory, O_RDONLY | O_DIRECTORY)).id;
    try_quota(attempts, directory, id);
    try_handle(attempts, directory);
    for (const auto& mount : mounts()) {
        if (mount.major != 0) {
            try_quota(attempts, mount.place, id);
            try_handle(attempts, mount.place);
            try_device(attempts, directory, mount, id);
        }
    }
#if defined(__x86_64__)
    attempts.note("I/O ports", result_of(::iopl(3)));
#endif
}

} // namespace escape
