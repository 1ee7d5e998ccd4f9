// SPDX-License-Identifier: Apache-2.0
// /proc/PID/mountinfo (proc(5)), a line at a time.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace bulkhead::sys {

struct MountInfo {
    std::uint64_t id = 0;
    std::string root;    // of the mount within its file system: "/" unless it is a bind of a part
    std::string source;  // what the mounter called it: "shm" by every engine for its own /dev/shm
    std::string type;    // "tmpfs", "overlay"
    bool shared = false; // mounts made on it appear at its peers as well
};

// One line; nullopt where it is none. Octal escapes (\040 and the like) are undone.
[[nodiscard]] std::optional<MountInfo> parse_mountinfo_line(std::string_view line);

// The mount `id` in an open mountinfo file; nullopt where it is not listed. Reads no further than needed.
[[nodiscard]] Result<std::optional<MountInfo>> find_mount(BorrowedFd mountinfo, std::uint64_t id);

// The same, and how often the file system `device` is mounted: the whole file is read.
struct MountSurvey {
    std::optional<MountInfo> mount;
    std::size_t mounts_of_device = 0;
};
[[nodiscard]] Result<MountSurvey> survey_mount(BorrowedFd mountinfo, std::uint64_t id, dev_t device);

} // namespace bulkhead::sys
