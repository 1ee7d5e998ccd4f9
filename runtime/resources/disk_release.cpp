// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/disk_release.h"

#include "runtime/resources/disk_quota.h"
#include "runtime/sys/file.h"
#include "runtime/sys/filesystem.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/mountinfo.h"

#include <cerrno>
#include <set>

namespace bulkhead::resources {

namespace {

struct Disk {
    Released state = Released::disk_not_here;
    UniqueFd directory; // where `state` is done
};

// A clone of the disk has the same UUID, and may have a directory of that name: the label tells.
Result<UniqueFd> open_upper(const DiskHold& hold) {
    TRY_ASSIGN(auto upper, sys::open_at(sys::working_directory, hold.upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    TRY_ASSIGN(const auto uuid, sys::filesystem_uuid(upper.borrow()));
    TRY_ASSIGN(const auto label, sys::project_label(upper.borrow()));
    return uuid == hold.filesystem && label.id == hold.id ? std::move(upper) : UniqueFd();
}

Result<UniqueFd> open_if_it_is(const sys::MountInfo& mount, const std::string& uuid) {
    // Only stood on until it is known to be this disk: what is mounted over it may be a FUSE that never answers.
    const auto there = sys::open_at(sys::working_directory, mount.point, O_PATH | O_DIRECTORY);
    const auto place = there ? sys::place_of(there->borrow()) : std::unexpected(there.error());
    if (!place || place->device != mount.device) {
        return UniqueFd(); // a file, gone, or mounted over
    }
    auto root = sys::open_at(there->borrow(), ".", O_RDONLY | O_DIRECTORY);
    if (!root) {
        return UniqueFd();
    }
    TRY_ASSIGN(const auto its, sys::filesystem_uuid(root->borrow()));
    return its == uuid ? *std::move(root) : UniqueFd();
}

Result<Disk> find_by_uuid(const std::string& uuid) {
    TRY_ASSIGN(const auto mountinfo, sys::open_at(sys::working_directory, "/proc/self/mountinfo", O_RDONLY));
    Disk disk;
    std::set<dev_t> devices;
    Result<void> failure;
    TRY(sys::for_each_mount(mountinfo.borrow(), [&](const sys::MountInfo& mount) {
        const bool candidate = (mount.type == "xfs" || mount.type == "ext4") && !mount.read_only;
        if (!candidate || devices.contains(mount.device)) {
            return true;
        }
        auto root = open_if_it_is(mount, uuid);
        if (!root) {
            failure = std::unexpected(root.error());
            return false;
        }
        if (root->valid()) {
            devices.insert(mount.device);
            disk.directory = *std::move(root);
        }
        return true;
    }));
    TRY(failure);
    if (!devices.empty()) {
        disk.state = devices.size() == 1 ? Released::done : Released::cannot_tell;
    }
    return disk;
}

Result<Disk> find_disk(const DiskHold& hold) {
    auto upper = open_upper(hold);
    if (upper && upper->valid()) {
        return Disk{.state = Released::done, .directory = *std::move(upper)};
    }
    return find_by_uuid(hold.filesystem);
}

Result<void> give_back(BorrowedFd directory, const DiskHold& hold, dev_t records) {
    TRY_ASSIGN(const auto status, sys::status_of(directory));
    TRY_ASSIGN(const auto quota, sys::quota_of(directory, hold.id));
    const auto limits = without_ours(quota.limits, hold);
    if (limits == quota.limits) {
        return {};
    }
    TRY(sys::set_quota_limits(directory, hold.id, limits));
    return status.device == records ? Result<void>{} : sys::sync_journal(directory);
}

// find_by_uuid() takes writable mounts alone: where it finds none, the disk itself is read-only.
Result<Released> release_through_another_mount(const DiskHold& hold, dev_t records, Error read_only) {
    TRY_ASSIGN(const auto disk, find_by_uuid(hold.filesystem));
    if (disk.state == Released::disk_not_here) {
        return std::unexpected(std::move(read_only));
    }
    if (disk.state == Released::done) {
        TRY(give_back(disk.directory.borrow(), hold, records));
    }
    return disk.state;
}

Result<Disk> find_disk_with_quotas(const DiskHold& hold) {
    TRY_ASSIGN(auto disk, find_disk(hold));
    if (disk.state != Released::done) {
        return disk;
    }
    TRY_ASSIGN(const auto state, sys::quota_state(disk.directory.borrow()));
    if (state == sys::QuotaState::no_kernel_support || state == sys::QuotaState::off) {
        return fail(Code::unsupported, "the disk of " + hold.upper +
                                           " is mounted without project quotas now, so the "
                                           "limits on it cannot be given back; mount it with prjquota");
    }
    return disk;
}

} // namespace

Result<Released> can_release_disk(const DiskHold& hold) {
    TRY_ASSIGN(const auto disk, find_disk_with_quotas(hold));
    return disk.state;
}

Result<Released> release_disk(const DiskHold& hold, dev_t records) {
    TRY_ASSIGN(const auto disk, find_disk_with_quotas(hold));
    if (disk.state != Released::done) {
        return disk.state;
    }
    auto set = give_back(disk.directory.borrow(), hold, records);
    if (!set && set.error().number == EROFS) { // reached through a read-only bind
        return release_through_another_mount(hold, records, std::move(set).error());
    }
    TRY(set);
    return Released::done;
}

Result<sys::Quota> disk_usage(const DiskHold& hold) {
    TRY_ASSIGN(const auto disk, find_disk(hold));
    if (disk.state != Released::done) {
        return fail_errno(ENOENT, "the disk of " + hold.upper);
    }
    return sys::quota_of(disk.directory.borrow(), hold.id);
}

} // namespace bulkhead::resources
