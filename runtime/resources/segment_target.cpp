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

// Whether `place` is on the mount whose root is the container's directory `path`.
Result<bool> lies_on(BorrowedFd root, const std::string& path, const sys::Place& place) {
    const auto directory = open_without_symlinks(root, path);
    if (!directory) {
        return false; // it is what is missing
    }
    TRY_ASSIGN(const auto top, sys::place_of(directory->borrow()));
    return top.mount_root && top.mount_id == place.mount_id;
}

// Nothing is left on a volume, which is somebody else's. A /dev that the runtime mounted is the container's.
Result<void> require_containers_file_system(BorrowedFd root, const Container& container, const sys::Place& parent,
                                            const std::string& path) {
    const bool in_shm = path == "dev/shm" || path.starts_with("dev/shm/");
    TRY_ASSIGN(const auto on_shm, in_shm ? lies_on(root, "dev/shm", parent) : Result<bool>(false));
    if (on_shm) {
        return {};
    }
    TRY_ASSIGN(const auto on_dev, in_shm ? lies_on(root, "dev", parent) : Result<bool>(false));
    if (!on_dev) {
        return not_allowed("/" + path +
                           " is not there, and what it would lie in is a mount of its own, where none is made; "
                           "make the directory in the volume");
    }
    TRY_ASSIGN(const auto dev, survey_place(container, parent));
    return is_runtimes_tmpfs(dev, container.spec.dev)
               ? Result<void>{}
               : not_allowed("/" + path +
                             " is not there, and the container's /dev is a mount of the host's, where none is made; "
                             "let the engine mount /dev and /dev/shm");
}

} // namespace

Result<SegmentTarget> SegmentTarget::find(BorrowedFd root, const Container& container, const std::string& path) {
    SegmentTarget target;
    target.path_ = path.substr(1);
    TRY_ASSIGN(auto deepest, open_deepest(root, target.path_, target.missing_));
    TRY_ASSIGN(const auto place, sys::place_of(deepest.borrow()));
    TRY_ASSIGN(const auto root_place, sys::place_of(root));
    TRY(require_containers_own(container, deepest.borrow(), place, root_place, target.path_));
    if (!target.missing_.empty() && place.mount_id != root_place.mount_id) {
        TRY(require_containers_file_system(root, container, place, target.path_));
    }
    target.directories_.push_back(std::move(deepest));
    return target;
}

Result<void> SegmentTarget::make(const sys::Process::Owner& owner) {
    while (!missing_.empty()) {
        const auto& name = missing_.front();
        TRY_ASSIGN(const auto made, make_directory(directory(), name, owner, path_));
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

Result<void> SegmentTarget::verify(BorrowedFd root, const Container& container, BorrowedFd mount) const {
    TRY_ASSIGN(const auto mounted, sys::place_of(mount));
    const auto directory = open_without_symlinks(root, path_);
    const auto place = directory ? sys::place_of(directory->borrow()) : std::unexpected(directory.error());
    bool there = place && place->mount_root && place->device == mounted.device;
    if (there) {
        // What came to lie on the place meanwhile is mounted upon as well: one that is shared makes ours so.
        TRY_ASSIGN(const auto attached, sys::mount_of(mount, container.process));
        there = !attached.shared;
    }
    if (!there) {
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
