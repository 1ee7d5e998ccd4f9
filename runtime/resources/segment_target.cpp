// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/segment_target.h"

#include "runtime/resources/container_path.h"
#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/path.h"
#include "runtime/sys/statmount.h"

#include <algorithm>
#include <cerrno>

namespace bulkhead::resources {

namespace {

std::unexpected<Error> not_allowed(std::string what) { return fail(Code::not_allowed, std::move(what)); }

// The directory `path`, or the deepest one above it that is there; `missing` is the rest.
Result<UniqueFd> open_deepest(BorrowedFd root, std::string path, std::vector<std::string>& missing) {
    for (;;) {
        auto directory = open_without_symlinks(root, path.empty() ? "." : path);
        if (directory || directory.error().number != ENOENT || path.empty()) {
            return directory;
        }
        const auto slash = path.rfind('/');
        missing.insert(missing.begin(), path.substr(slash == std::string::npos ? 0 : slash + 1));
        path.erase(slash == std::string::npos ? 0 : slash);
    }
}

// What is mounted on a mount appears at its peers: a volume that is bound rshared would carry the segment out to the
// host. And the host's own /dev/shm is everybody's.
Result<void> require_containers_own(const Container& container, BorrowedFd directory, const sys::Place& place,
                                    const sys::Place& root, const std::string& path) {
    // The root itself may lie there, as any directory may.
    TRY_ASSIGN(const auto host, place.mount_id == root.mount_id ? Result<bool>(false) : is_hosts(place, "/dev/shm"));
    if (host) {
        return not_allowed("/" + path +
                           " is in the host's own /dev/shm; run the container without --ipc=host (hostIPC) "
                           "or a bind of /dev/shm");
    }
    TRY_ASSIGN(const auto mount, sys::mount_of(directory, container.process));
    if (mount.shared) {
        return not_allowed("/" + path +
                           " is on a mount that is shared with the host or other containers, which would "
                           "see the segment; bind the volume without rshared");
    }
    return {};
}

// Nothing is left on a volume, which is somebody else's.
Result<void> require_root_or_shm(BorrowedFd root, const sys::Place& root_place, const sys::Place& parent,
                                 const std::string& path) {
    if (parent.mount_id == root_place.mount_id) {
        return {};
    }
    if (path.starts_with("dev/shm/")) {
        TRY_ASSIGN(const auto shm, open_without_symlinks(root, "dev/shm"));
        TRY_ASSIGN(const auto shm_place, sys::place_of(shm.borrow()));
        if (shm_place.mount_id == parent.mount_id && shm_place.mount_root) {
            return {};
        }
    }
    return not_allowed("/" + path +
                       " is not there, and what it would lie in is a mount of its own, where none is made; "
                       "make the directory in the volume");
}

} // namespace

Result<SegmentTarget> SegmentTarget::find(BorrowedFd root, const Container& container, const std::string& path) {
    SegmentTarget target;
    target.path_ = path.substr(1);
    TRY_ASSIGN(auto deepest, open_deepest(root, target.path_, target.missing_));
    TRY_ASSIGN(const auto place, sys::place_of(deepest.borrow()));
    TRY_ASSIGN(const auto root_place, sys::place_of(root));
    TRY(require_containers_own(container, deepest.borrow(), place, root_place, target.path_));
    if (!target.missing_.empty()) {
        TRY(require_root_or_shm(root, root_place, place, target.path_));
    }
    target.directories_.push_back(std::move(deepest));
    return target;
}

Result<void> SegmentTarget::make(const sys::Process::Owner& owner) {
    while (!missing_.empty()) {
        const auto& name = missing_.front();
        const auto made = sys::make_directory_as_owner(owner.user, owner.group, directory(), name, 0755);
        if (!made && made.error().number == EROFS) {
            return fail(Code::unsupported, "/" + path_ +
                                               " is not there and the container's root is read-only; make the "
                                               "directory in the image");
        }
        if (!made && made.error().number != EEXIST) {
            return made;
        }
        // On the same mount, whatever took the name's place meanwhile.
        auto opened = sys::open_directory_on_same_mount(directory(), name);
        if (!opened) {
            return fail(Code::busy, "/" + path_ + " was changed by somebody while it was made; try again");
        }
        if (!made) { // somebody else's: not ours to remove, and neither is what lies above
            made_.clear();
            directories_.clear();
        } else {
            made_.push_back(name);
        }
        directories_.push_back(*std::move(opened));
        missing_.erase(missing_.begin());
    }
    return {};
}

Result<void> SegmentTarget::verify(BorrowedFd root, dev_t device) const {
    const auto directory = open_without_symlinks(root, path_);
    const auto place = directory ? sys::place_of(directory->borrow()) : std::unexpected(directory.error());
    if (!place || !place->mount_root || place->device != device) {
        return fail(Code::busy,
                    "/" + path_ + " was changed by somebody while the segment was mounted there; try again");
    }
    return {};
}

Result<void> SegmentTarget::undo() {
    for (; !made_.empty(); made_.pop_back()) {
        directories_.pop_back();
        TRY(sys::remove_directory_at(directory(), made_.back()));
    }
    return {};
}

} // namespace bulkhead::resources
