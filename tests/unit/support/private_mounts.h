// SPDX-License-Identifier: Apache-2.0
// Mounts of a test's own, in a child process: they are seen by nobody else and end with it.
#pragma once

#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/mountinfo.h"
#include "support/child.h"
#include "support/temporary_directory.h"

#include <sched.h>
#include <string>
#include <sys/mount.h>

namespace bulkhead::test {

// Whether what is mounted below `path` stays in this mount namespace. Not known (the root of a plain chroot is in no
// mountinfo that can be read from inside): no.
inline bool is_private(const std::string& path) {
    const auto directory = sys::open_at(sys::working_directory, path, O_PATH | O_DIRECTORY);
    const auto place = directory ? sys::place_of(directory->borrow()) : std::unexpected(directory.error());
    const auto mountinfo = sys::open_at(sys::working_directory, "/proc/self/mountinfo", O_RDONLY);
    if (!place || !mountinfo) {
        return false;
    }
    const auto mount = sys::find_mount(mountinfo->borrow(), place->mount_id);
    return mount && *mount && !(*mount)->shared;
}

// Enters a new mount namespace. In a plain chroot the root directory is no mount point, so that nothing can be said
// about its propagation; there only a temporary directory on a mount that is known to be private will do.
inline bool enter_private_mounts() {
    if (::unshare(CLONE_NEWNS) != 0) {
        return false;
    }
    return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 ||
           is_private(std::filesystem::temp_directory_path());
}

// Asked when tests are registered.
inline bool can_mount_privately() {
    static const bool can = ::geteuid() == 0 && in_child([](Findings& findings) {
                                                    findings.expect(enter_private_mounts(), "no private mounts");
                                                }).empty();
    return can;
}

// in_child with mounts of its own.
template <typename Body>
std::string in_private_mounts(Body body) {
    return in_child([&](Findings& findings) {
        findings.expect(enter_private_mounts(), "no private mounts");
        body(findings);
    });
}

inline bool mount_tmpfs(const std::string& place, const char* source, const char* options) {
    std::filesystem::create_directories(place);
    return ::mount(source, place.c_str(), "tmpfs", 0, options) == 0;
}

} // namespace bulkhead::test
