// SPDX-License-Identifier: Apache-2.0
// Disks of a test's own: file systems in files, by loop devices, in the mounts of a child process (private_mounts.h).
// Whatever is mounted goes before its directory does.
#pragma once

#include "runtime/base/unique_fd.h"
#include "runtime/sys/project.h"
#include "runtime/sys/quota.h"
#include "support/descriptor.h"
#include "support/private_mounts.h"

#include <cstdlib>
#include <iomanip>
#include <ranges>
#include <sstream>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bulkhead::test {

enum class DiskKind { xfs, ext4, ext4_without_projects };

// Each process has its own: an XFS is not mounted while another of the same UUID is.
inline const std::string& disk_uuid() {
    static const auto uuid = [] {
        std::ostringstream text;
        text << "5ba39b1d-91f6-4c0e-8d1e-" << std::hex << std::setfill('0') << std::setw(12) << ::getpid();
        return text.str();
    }();
    return uuid;
}

// By the shell, silent.
inline bool run_command(const std::string& command) {
    const auto silent = "PATH=/usr/sbin:/usr/bin:/sbin:/bin; (" + command + ") >/dev/null 2>&1 </dev/null";
    return std::system(silent.c_str()) == 0; // NOLINT(concurrency-mt-unsafe,cert-env33-c)
}

class Disk {
public:
    explicit Disk(DiskKind kind = DiskKind::xfs, const std::string& options = "") : kind_(kind) {
        const auto uuid = disk_uuid() + " " + image();
        switch (kind) {
        case DiskKind::xfs: // 300 MiB is the least that mkfs.xfs makes
            made_ = run_command("truncate -s 300M " + image() + " && mkfs.xfs -q -m uuid=" + uuid);
            break;
        case DiskKind::ext4:
            made_ =
                run_command("truncate -s 64M " + image() + " && mkfs.ext4 -q -F -I 256 -O project,quota -U " + uuid);
            break;
        case DiskKind::ext4_without_projects:
            made_ = run_command("truncate -s 64M " + image() + " && mkfs.ext4 -q -F -O ^project -U " + uuid);
            break;
        }
        made_ = made_ && run_command("cp --sparse=always " + image() + " " + image() + ".clone");
        mounted_ = made_ && mount_image(image(), path(), options);
        root_ = mounted_ ? open_directory(path()) : UniqueFd();
    }
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;
    ~Disk() {
        root_ = UniqueFd();
        for (auto mounts = mounts_; const auto& place : std::views::reverse(mounts)) {
            unmount(place);
        }
    }

    [[nodiscard]] bool mounted() const { return mounted_; }
    [[nodiscard]] std::string path(const std::string& name = "") const {
        return directory_.path("disk") + (name.empty() ? "" : "/" + name);
    }
    // Beside the disk, not on it.
    [[nodiscard]] std::string beside(const std::string& name) const { return directory_.path(name); }
    [[nodiscard]] BorrowedFd root() const { return root_.borrow(); }

    bool mount_once_more(const std::string& place, const std::string& options) {
        return mount_image(image(), place, options);
    }
    // What the disk was when it was made, with the same UUID.
    bool mount_clone(const std::string& place, const std::string& options) {
        return mount_image(image() + ".clone", place, options + (kind_ == DiskKind::xfs ? ",nouuid" : ""));
    }
    bool bind(const std::string& from, const std::string& place) {
        return keep(::mount(from.c_str(), place.c_str(), nullptr, MS_BIND, nullptr) == 0, place);
    }
    bool overlay(const std::string& place, const std::string& options) {
        return keep(::mount("overlay", place.c_str(), "overlay", 0, options.c_str()) == 0, place);
    }
    bool tmpfs(const std::string& place) { return keep(mount_tmpfs(place, "tmpfs", "mode=755"), place); }
    [[nodiscard]] bool remount(const std::string& options) const {
        return run_command("mount -o remount," + options + " " + path());
    }
    bool unmount(const std::string& place) {
        std::erase(mounts_, place);
        // At once where it can be: an XFS that is still being taken down keeps its UUID from the next test's.
        return ::umount2(place.c_str(), 0) == 0 || ::umount2(place.c_str(), MNT_DETACH) == 0;
    }

private:
    [[nodiscard]] std::string image() const { return directory_.path("image"); }
    bool mount_image(const std::string& from, const std::string& place, const std::string& options) {
        std::filesystem::create_directories(place);
        const auto* const type = kind_ == DiskKind::xfs ? "xfs" : "ext4";
        const auto loop = "loop" + (options.empty() ? "" : "," + options);
        return keep(run_command("mount -t " + std::string(type) + " -o " + loop + " " + from + " " + place), place);
    }
    bool keep(bool mounted, const std::string& place) {
        if (mounted) {
            mounts_.push_back(place);
        }
        return mounted;
    }

    TemporaryDirectory directory_;
    UniqueFd root_;
    DiskKind kind_;
    bool made_ = false;
    bool mounted_ = false;
    std::vector<std::string> mounts_;
};

// Asked when tests are registered: what of this can be had here.
inline bool can_mount(DiskKind kind, const std::string& options = "") {
    return can_mount_privately() && in_private_mounts([&](Findings& findings) {
                                        const Disk disk(kind, options);
                                        findings.expect(disk.mounted(), "no disk");
                                        if (disk.mounted() && options.contains("quota")) {
                                            const auto state = sys::quota_state(disk.root());
                                            findings.expect(state == sys::QuotaState::enforcing, "no quota");
                                        }
                                    }).empty();
}
inline bool can_mount_xfs() {
    static const bool can = can_mount(DiskKind::xfs);
    return can;
}
inline bool can_mount_ext4() {
    static const bool can = can_mount(DiskKind::ext4) && can_mount(DiskKind::ext4_without_projects);
    return can;
}
inline bool can_limit_xfs() {
    static const bool can = can_mount(DiskKind::xfs, "prjquota");
    return can;
}
inline bool can_limit_ext4() {
    static const bool can = can_mount(DiskKind::ext4, "prjquota");
    return can;
}

// in_private_mounts with a disk.
template <typename Body>
std::string on_disk(DiskKind kind, const std::string& options, Body body) {
    return in_private_mounts([&](Findings& findings) {
        Disk disk(kind, options);
        if (!disk.mounted()) {
            findings.add("no disk");
            return;
        }
        body(findings, disk);
    });
}

// The label of a file or directory.
inline std::string label_at(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const auto label = sys::project_label(file.borrow());
    return label ? std::to_string(label->id) + (label->inherit ? "+" : "") : label.error().what;
}

inline bool set_label(const std::string& path, const sys::ProjectLabel& label) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    return sys::set_project_label(file.borrow(), label).has_value();
}

inline std::string what_of(const Error& error) { return error.what; }
template <typename T>
std::string what_of(const Result<T>& result) {
    return result ? "" : result.error().what;
}

} // namespace bulkhead::test
