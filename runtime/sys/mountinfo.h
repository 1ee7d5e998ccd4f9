// SPDX-License-Identifier: Apache-2.0
// /proc/PID/mountinfo (proc(5)), a line at a time.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace bulkhead::sys {

struct MountInfo {
    std::uint64_t id = 0;
    std::string root;    // of the mount within its file system: "/" unless it is a bind of a part
    std::string point;   // where it is mounted, seen from the root of the process whose mountinfo it is
    std::string source;  // what the mounter called it: "shm" by every engine for its own /dev/shm
    std::string type;    // "tmpfs", "overlay"
    std::string options; // the file system's, "rw,upperdir=/a,workdir=/b"; escapes stay, for option_of() to undo
    dev_t device = 0;
    bool read_only = false; // the mount; the file system may be so by itself
    bool shared = false;    // mounts made on it appear at its peers as well
};

// One line; nullopt where it is none. Octal escapes (\040 and the like) are undone.
[[nodiscard]] std::optional<MountInfo> parse_mountinfo_line(std::string_view line);

// The value of the option `name`, its octal escapes undone (a comma in it is one); nullopt where it is not set.
[[nodiscard]] std::optional<std::string> option_of(const MountInfo& mount, std::string_view name);

// Every mount of an open mountinfo file, until `take` says false.
[[nodiscard]] Result<void> for_each_mount(BorrowedFd mountinfo, const std::function<bool(const MountInfo&)>& take);

// The mount `id` in an open mountinfo file; nullopt where it is not listed. Reads no further than needed.
[[nodiscard]] Result<std::optional<MountInfo>> find_mount(BorrowedFd mountinfo, std::uint64_t id);

// The same, and how often the file system `device` is mounted: the whole file is read.
struct MountSurvey {
    std::optional<MountInfo> mount;
    std::size_t mounts_of_device = 0;
};
[[nodiscard]] Result<MountSurvey> survey_mount(BorrowedFd mountinfo, std::uint64_t id, dev_t device);

} // namespace bulkhead::sys
