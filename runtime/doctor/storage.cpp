// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/storage.h"

#include "runtime/doctor/program.h"
#include "runtime/sys/file.h"
#include "runtime/sys/filesystem.h"
#include "runtime/sys/quota.h"

#include <algorithm>
#include <array>

namespace bulkhead::doctor {

namespace {

using engines::Engine;

// Where the upper directories are, below the engine's storage: it may be a disk of its own.
std::string_view overlay_home(Engine engine) {
    switch (engine) {
    case Engine::crio:
    case Engine::podman:
        return "overlay";
    case Engine::containerd:
        return "io.containerd.snapshotter.v1.overlayfs";
    case Engine::docker:
        return "overlay2";
    }
    return "";
}

std::string nearest_there(std::string path) {
    while (path.size() > 1 && !exists(path)) {
        path.erase(std::max<std::size_t>(path.rfind('/'), 1));
    }
    return path;
}

// What stores layers in another way than overlays.
std::optional<std::string> other_driver(const PresentEngine& engine) {
    constexpr std::array<std::string_view, 5> drivers{"vfs", "btrfs", "zfs", "fuse-overlayfs", "devicemapper"};
    for (const auto driver : drivers) {
        if (engine.engine != Engine::containerd && exists(engine.config.storage + "/" + std::string(driver))) {
            return std::string(driver);
        }
    }
    return std::nullopt;
}

struct Storage {
    std::string path;
    sys::FilesystemType type = sys::FilesystemType::other;
    sys::QuotaState quota = sys::QuotaState::off;
};

Result<Storage> look(const std::string& path) {
    Storage storage{.path = path};
    TRY_ASSIGN(const auto directory, sys::open_at(sys::working_directory, path, O_RDONLY | O_DIRECTORY));
    TRY_ASSIGN(const auto size, sys::filesystem_size(directory.borrow()));
    storage.type = size.type;
    if (size.type != sys::FilesystemType::other) {
        TRY_ASSIGN(storage.quota, sys::quota_state(directory.borrow()));
    }
    return storage;
}

std::string described(const Storage& storage) {
    switch (storage.type) {
    case sys::FilesystemType::xfs:
        return storage.path + " (XFS)";
    case sys::FilesystemType::ext4:
        return storage.path + " (ext4, which lets who has CAP_SYS_RESOURCE past a limit)";
    case sys::FilesystemType::other:
        return storage.path + " (neither XFS nor ext4)";
    }
    return storage.path;
}

// With a default for the disk it is every container, else those that ask for a limit.
Finding no_limits(const Node& node, const std::string& why, const std::string& mend) {
    if (node.config().has_disk_defaults() && !node.config().on_error.warns(oci::Resource::disk)) {
        return failed(why + ": no container starts, as the node config has a default for the disk", mend);
    }
    return warning(why + ": a container that asks for a disk limit is refused", mend);
}

Finding judge(const Node& node, const Storage& storage) {
    using enum sys::QuotaState;
    if (storage.type == sys::FilesystemType::other) {
        return no_limits(node, storage.path + " is on neither XFS nor ext4", "put it on one with project quotas");
    }
    const bool is_ext4 = storage.type == sys::FilesystemType::ext4;
    const auto& disk = node.config().disk;
    switch (storage.quota) {
    case no_kernel_support:
        return no_limits(node, "the kernel has no quotas for it",
                         "take a kernel with CONFIG_QUOTA and CONFIG_XFS_QUOTA");
    case off:
        return no_limits(node, storage.path + " is mounted without project quotas",
                         is_ext4 ? "tune2fs -O project,quota while it is not mounted, then mount it with prjquota"
                                 : "mount it with prjquota (a remount changes nothing)");
    case accounting:
        return disk.accounting_only || disk.enable_enforcement
                   ? well()
                   : no_limits(node, "project quotas of " + storage.path + " are only counted",
                               "mount it with prjquota, or set disk.enable-enforcement in the node config");
    case enforcing:
        return well();
    }
    return well();
}

} // namespace

void check_storage(Section& section, const Node& node, const PresentEngine& engine) {
    const auto home = engine.config.storage + "/" + std::string(overlay_home(engine.engine));
    const auto path = nearest_there(home);
    const auto driver = path == home ? std::nullopt : other_driver(engine);
    if (driver) {
        section.add("storage", engine.config.storage,
                    no_limits(node, "layers are stored by " + *driver, "choose the storage driver overlay"));
        return;
    }
    const auto storage = look(path);
    if (storage) {
        section.add("storage", described(*storage), judge(node, *storage));
    } else {
        section.add("storage", path, failed(storage.error().what, "see to it that it can be read"));
    }
}

} // namespace bulkhead::doctor
