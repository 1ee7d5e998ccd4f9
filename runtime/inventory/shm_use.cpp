// SPDX-License-Identifier: Apache-2.0
#include "runtime/inventory/shm_use.h"

#include "runtime/resources/container_path.h"
#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/mountinfo.h"
#include "runtime/sys/path.h"
#include "runtime/sys/statmount.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <linux/capability.h>
#include <string_view>
#include <unistd.h>

namespace bulkhead::inventory {

namespace {

// Those whose answers come from this machine: roots of containers, and what is mounted on /dev.
constexpr std::array<std::string_view, 14> answering_types{"overlay", "tmpfs", "devtmpfs", "ramfs",   "ext4",
                                                           "ext3",    "ext2",  "xfs",      "btrfs",   "bcachefs",
                                                           "f2fs",    "zfs",   "erofs",    "squashfs"};

// Behind any other one there may be a server that never answers, and then neither would we: FUSE, which a container may
// mount on its directories, or NFS, which a pod may have on /dev, or where its process has changed its root to, from
// wherever it likes. Its root can be stood on, but nothing must be looked up in it, and no statfs(2) asked of it.
Result<sys::MountInfo> mount_that_answers(BorrowedFd directory, const sys::Process& process) {
    TRY_ASSIGN(auto mount, sys::mount_of(directory, process));
    if (std::ranges::find(answering_types, mount.type) == answering_types.end()) {
        return fail(Code::unsupported,
                    "a file system that may never answer (" + mount.type + ") is mounted on the way to /dev/shm");
    }
    return mount;
}

bool is_none(const Error& error) { return error.number == ENOENT || error.number == ENOTDIR || error.number == ELOOP; }

Result<ShmUse> use_of(BorrowedFd shm, const sys::Place& place) {
    TRY_ASSIGN(const auto use, sys::tmpfs_use(shm));
    TRY_ASSIGN(const auto hosts, resources::is_hosts(place, "/dev/shm"));
    return ShmUse{.used = use.used,
                  .limit = use.size.value != 0 ? std::optional(use.size) : std::nullopt,
                  .hosts = hosts,
                  .device = place.device};
}

// The file system that the process has on /dev/shm by its own mount table, where that is a tmpfs.
Result<std::optional<dev_t>> tmpfs_in_mount_table(const sys::Process& process) {
    std::optional<dev_t> device;
    TRY_ASSIGN(const auto mountinfo, process.mountinfo());
    TRY(sys::for_each_mount(mountinfo.borrow(), [&](const sys::MountInfo& mount) {
        if (mount.point == "/dev/shm") { // of several the last one is on top
            device = mount.type == "tmpfs" ? std::optional(mount.device) : std::nullopt;
        }
        return true;
    }));
    return device;
}

// Where this process, which is in the host's mount namespace, has that file system mounted; empty where it has not.
Result<std::string> place_of_tmpfs(dev_t device) {
    std::string place;
    TRY_ASSIGN(const auto here, sys::Process::open(::getpid()));
    TRY_ASSIGN(const auto mountinfo, here.mountinfo());
    TRY(sys::for_each_mount(mountinfo.borrow(), [&](const sys::MountInfo& mount) {
        if (mount.device == device) {
            place = mount.point;
        }
        return place.empty();
    }));
    return place;
}

// Who may mount may put a FUSE file system below an overlay, and that on the way to /dev/shm, where no type tells of
// it: nothing is looked up there. Engines have the tmpfs mounted on the host as well.
Result<std::optional<ShmUse>> use_seen_from_host(const sys::Process& process) {
    TRY_ASSIGN(const auto device, tmpfs_in_mount_table(process));
    if (!device) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto place, place_of_tmpfs(*device));
    if (place.empty()) {
        return fail(Code::unsupported, "the container may mount file systems of its own, and have /dev/shm behind one "
                                       "that never answers; and the host has it mounted nowhere");
    }
    TRY_ASSIGN(const auto shm, sys::open_at(sys::working_directory, place, O_PATH | O_DIRECTORY));
    TRY_ASSIGN(const auto found, sys::place_of(shm.borrow()));
    if (found.device != *device) {
        return fail(Code::system, place + " is mounted over");
    }
    TRY_ASSIGN(const auto use, use_of(shm.borrow(), found));
    return use;
}

// Root of a user namespace of its own may, and in the initial one root with CAP_SYS_ADMIN.
Result<bool> may_mount(const sys::Process& process) {
    TRY_ASSIGN(const auto user_namespace, process.own_user_namespace());
    return user_namespace ? Result<bool>(true) : process.may_have(CAP_SYS_ADMIN);
}

} // namespace

Result<std::optional<ShmUse>> shm_use(const sys::Process& process) {
    TRY_ASSIGN(auto directory, process.root());
    // Asked when the root is open: a process of the initial user namespace cannot have entered a mount namespace of
    // another one without being root on the node.
    TRY_ASSIGN(const bool mounts, may_mount(process));
    if (mounts) {
        return use_seen_from_host(process);
    }
    for (const auto* name : {"dev", "shm"}) {
        TRY(mount_that_answers(directory.borrow(), process));
        auto next = sys::open_directory_in(directory.borrow(), name, sys::Symlinks::refuse);
        if (!next) {
            return is_none(next.error()) ? Result<std::optional<ShmUse>>(std::nullopt) : std::unexpected(next.error());
        }
        directory = *std::move(next);
    }
    TRY_ASSIGN(const auto mount, mount_that_answers(directory.borrow(), process));
    TRY_ASSIGN(const auto place, sys::place_of(directory.borrow()));
    if (!place.mount_root || mount.type != "tmpfs") {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto use, use_of(directory.borrow(), place));
    return use;
}

} // namespace bulkhead::inventory
