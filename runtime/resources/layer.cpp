// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/layer.h"

#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/statmount.h"

#include <cerrno>
#include <filesystem>
#include <optional>

namespace bulkhead::resources {

namespace {

std::unexpected<Error> unsupported(std::string what) { return fail(Code::unsupported, std::move(what)); }

// The kernel keeps the option as it was given, and undoes its backslashes (before a comma, or another one) only to look
// the path up (ovl_unescape(), fs/overlayfs/params.c).
std::string without_backslashes(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        i += text[i] == '\\' && i + 1 < text.size() ? 1U : 0U;
        out.push_back(text[i]);
    }
    return out;
}

std::string absolute(const std::string& option, const sys::MountInfo& mount) {
    auto path = without_backslashes(option);
    if (path.starts_with('/')) {
        return path;
    }
    return std::filesystem::path(mount.point).parent_path().parent_path() / path;
}

Result<UniqueFd> open_layer_directory(const std::string& path) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    return in_context("the overlay's layer", sys::open_at(sys::working_directory, path, flags));
}

// Not valid where the grandparent lies on another file system.
Result<UniqueFd> open_home(BorrowedFd upper, dev_t device) {
    TRY_ASSIGN(auto home, sys::open_at(upper, "../..", O_RDONLY | O_DIRECTORY));
    TRY_ASSIGN(const auto status, sys::status_of(home.borrow()));
    return status.device == device ? std::move(home) : UniqueFd();
}

Result<sys::MountInfo> root_mount_of(BorrowedFd root, const sys::Process& process) {
    TRY_ASSIGN(const auto place, sys::place_of(root));
    TRY_ASSIGN(auto mount, in_context("container root", sys::mount_of(root, process)));
    if (!place.mount_root) {
        return unsupported("the container's root is a directory inside of a mount (" + mount.type +
                           "), not an overlay of its own; a disk limit needs one");
    }
    return mount;
}

} // namespace

Result<LayerPaths> layer_paths(const sys::MountInfo& root_mount) {
    if (root_mount.type != "overlay") {
        return unsupported("the container's root is " + root_mount.type +
                           ", not an overlay; a disk limit needs the engine's overlay driver (overlay2, overlayfs)");
    }
    if (root_mount.root != "/") {
        return unsupported("the container's root is a part of an overlay (" + in_quotes(root_mount.root) +
                           "); a disk limit needs an overlay of its own");
    }
    const auto upper = sys::option_of(root_mount, "upperdir");
    const auto work = sys::option_of(root_mount, "workdir");
    if (!upper || !work) {
        return unsupported("the container's root is an overlay without an upper layer, so nothing can be written; "
                           "leave the disk limit out");
    }
    return LayerPaths{.upper = absolute(*upper, root_mount), .work = absolute(*work, root_mount)};
}

Result<Layer> Layer::find(BorrowedFd root, const sys::Process& process) {
    TRY_ASSIGN(const auto mount, root_mount_of(root, process));
    TRY_ASSIGN(auto paths, layer_paths(mount));
    Layer layer;
    TRY_ASSIGN(layer.merged_, sys::open_at(root, ".", O_RDONLY | O_DIRECTORY));
    TRY_ASSIGN(layer.upper_, open_layer_directory(paths.upper));
    TRY_ASSIGN(layer.work_, open_layer_directory(paths.work));
    TRY_ASSIGN(const auto upper, sys::status_of(layer.upper()));
    TRY_ASSIGN(const auto work, sys::status_of(layer.work()));
    if (upper.device != work.device) {
        return unsupported("the overlay's upperdir and workdir are on different file systems by now; is something "
                           "mounted over one of them?");
    }
    layer.upper_path_ = std::move(paths.upper);
    layer.device_ = upper.device;
    TRY_ASSIGN(layer.home_, open_home(layer.upper(), upper.device));
    TRY_ASSIGN(layer.size_, sys::filesystem_size(layer.has_home() ? layer.home() : layer.upper()));
    TRY_ASSIGN(layer.filesystem_, sys::filesystem_uuid(layer.upper()));
    return layer;
}

} // namespace bulkhead::resources
