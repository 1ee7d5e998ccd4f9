// SPDX-License-Identifier: Apache-2.0
#include "runtime/inventory/shm_use.h"

#include "runtime/resources/container_path.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/path.h"
#include "runtime/sys/statmount.h"

#include <cerrno>

namespace bulkhead::inventory {

namespace {

// A container may mount a FUSE file system of its own on any of its directories, and the server need never answer: then
// neither would we. Its root can be stood on, but nothing must be looked up in it, and no statfs(2) asked of it.
Result<sys::MountInfo> mount_that_answers(BorrowedFd directory, const sys::Process& process) {
    TRY_ASSIGN(auto mount, sys::mount_of(directory, process));
    if (mount.type.starts_with("fuse")) {
        return fail(Code::unsupported, "a FUSE file system of the container's is mounted on the way to /dev/shm");
    }
    return mount;
}

bool is_none(const Error& error) { return error.number == ENOENT || error.number == ENOTDIR || error.number == ELOOP; }

Result<std::optional<ShmUse>> use_of(BorrowedFd shm, const sys::MountInfo& mount) {
    TRY_ASSIGN(const auto place, sys::place_of(shm));
    if (!place.mount_root || mount.type != "tmpfs") {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto use, sys::tmpfs_use(shm));
    ShmUse shown{.used = use.used, .limit = {}, .hosts = false, .device = place.device};
    if (use.size.value != 0) {
        shown.limit = use.size;
    }
    TRY_ASSIGN(shown.hosts, resources::is_hosts(place, "/dev/shm"));
    return shown;
}

} // namespace

Result<std::optional<ShmUse>> shm_use(const sys::Process& process) {
    TRY_ASSIGN(auto directory, process.root());
    for (const auto* name : {"dev", "shm"}) {
        TRY(mount_that_answers(directory.borrow(), process));
        auto next = sys::open_directory_in(directory.borrow(), name, sys::Symlinks::refuse);
        if (!next) {
            return is_none(next.error()) ? Result<std::optional<ShmUse>>(std::nullopt) : std::unexpected(next.error());
        }
        directory = *std::move(next);
    }
    TRY_ASSIGN(const auto mount, mount_that_answers(directory.borrow(), process));
    return use_of(directory.borrow(), mount);
}

} // namespace bulkhead::inventory
