// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/private_mounts.h"

#include <fcntl.h>
#include <string>
#include <sys/mount.h>

namespace bulkhead::test {

// Whoever asks it waits for ever: nobody reads from /dev/fuse.
inline bool mount_silent_fuse(const std::string& place) {
    const int device = ::open("/dev/fuse", O_RDWR);
    const auto options = "fd=" + std::to_string(device) + ",rootmode=40000,user_id=0,group_id=0";
    return device >= 0 && ::mount("silent", place.c_str(), "fuse", 0, options.c_str()) == 0;
}

// Whether `mount` can be had here.
inline bool can_mount(bool (*mount)(const std::string&)) {
    return can_mount_privately() && in_private_mounts([&](Findings& findings) {
                                        const TemporaryDirectory directory;
                                        findings.expect(mount(directory.path()), "cannot mount it");
                                        ::umount2(directory.path().c_str(), MNT_DETACH);
                                    }).empty();
}

} // namespace bulkhead::test
