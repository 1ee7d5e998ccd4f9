// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/container_path.h"

#include "runtime/sys/file.h"
#include "runtime/sys/path.h"

#include <array>
#include <cerrno>

namespace bulkhead::resources {

Result<UniqueFd> open_root(const Container& container) {
    TRY_ASSIGN(const auto process_root, container.process.root());
    return in_context("container root",
                      sys::open_directory_in(process_root.borrow(), container.spec.root, sys::Symlinks::follow_inside));
}

Result<UniqueFd> open_without_symlinks(BorrowedFd root, const std::string& path) {
    auto opened = sys::open_directory_in(root, path, sys::Symlinks::refuse);
    if (!opened && opened.error().number == ELOOP) {
        return fail(Code::unsupported, "/" + path + " goes through a symlink in the image; make it a directory there");
    }
    if (!opened && opened.error().number == ENOTDIR) {
        return fail(Code::unsupported, "/" + path + " is no directory in the image; make it one there");
    }
    return opened;
}

Result<bool> is_hosts(const sys::Place& place, const std::string& path) {
    for (const auto* root : {"", "/proc/1/root"}) {
        const auto directory = sys::open_at(sys::working_directory, root + path, O_PATH | O_DIRECTORY);
        if (!directory) {
            if (directory.error().number == ENOENT || directory.error().number == EACCES) {
                continue;
            }
            return std::unexpected(directory.error());
        }
        TRY_ASSIGN(const auto host, sys::place_of(directory->borrow()));
        if (host.device == place.device) {
            return true;
        }
    }
    return false;
}

Result<sys::MountSurvey> survey_place(const Container& container, const sys::Place& place) {
    TRY_ASSIGN(const auto mountinfo, container.process.mountinfo());
    TRY_ASSIGN(auto survey, sys::survey_mount(mountinfo.borrow(), place.mount_id, place.device));
    if (!survey.mount) {
        return fail(Code::system, "mount " + std::to_string(place.mount_id) + " is not in the container's mountinfo");
    }
    return survey;
}

bool is_runtimes_tmpfs(const sys::MountSurvey& survey, const oci::SpecMount& word) {
    return word.kind == oci::MountKind::tmpfs && survey.mount->type == "tmpfs" && survey.mounts_of_device == 1;
}

Result<bool> make_directory(BorrowedFd parent, const std::string& name, const sys::Process::Owner& owner,
                            const std::string& path) {
    const auto made = sys::make_directory_as_owner(owner.user, owner.group, parent, name, 0755);
    if (made) {
        return true;
    }
    switch (made.error().number) {
    case EEXIST:
        return false;
    case EROFS:
        return fail(Code::unsupported, "/" + path +
                                           " is not there and the container's root is read-only; make the directory "
                                           "in the image");
    case EACCES:
        return fail(Code::unsupported, "/" + path +
                                           " is not there, and what it would lie in is not the container's root "
                                           "user's to write; make the directory in the image");
    default:
        return std::unexpected(made.error());
    }
}

} // namespace bulkhead::resources
