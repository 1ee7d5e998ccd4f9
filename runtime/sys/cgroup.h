// SPDX-License-Identifier: Apache-2.0
// Control groups, v2 and v1, through directory descriptors whose file system type was checked: a write must reach the
// kernel, not a file that somebody put where a cgroup was expected. (admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst)
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace bulkhead::sys {

enum class CgroupVersion { v1, v2 };

// Where a process stands in the hierarchy that has a controller.
struct CgroupPlace {
    CgroupVersion version = CgroupVersion::v2;
    std::string controller; // "memory", "pids"
    std::string path;       // from the hierarchy's root, beginning with "/"

    bool operator==(const CgroupPlace&) const = default;
};

// Reads the text of a /proc/PID/cgroup: the v1 hierarchy of `controller` where there is one, else the v2 hierarchy;
// nullopt where the process is in neither.
[[nodiscard]] std::optional<CgroupPlace> find_cgroup(std::string_view text, std::string_view controller);

// The content of a file with a limit; nullopt: none. v2 writes "max"; v1 a number of pages that no machine has.
[[nodiscard]] Result<std::optional<std::uint64_t>> parse_cgroup_limit(std::string_view text);

// Of the hierarchy that limits this process's memory; v2 where it is in none.
[[nodiscard]] Result<CgroupVersion> own_cgroup_version();

// One cgroup's directory.
class Cgroup {
public:
    // Below /sys/fs/cgroup as systemd lays it out, hybrid (unified/) included. ENOENT where it is gone.
    [[nodiscard]] static Result<Cgroup> open(const CgroupPlace& place);

    [[nodiscard]] CgroupVersion version() const { return version_; }
    [[nodiscard]] ino_t inode() const { return inode_; } // never used again within one boot

    // The content of one of its files, without the line end. ENOENT: the controller is off here, or the kernel has no
    // such file.
    [[nodiscard]] Result<std::string> read(const std::string& file) const;
    [[nodiscard]] Result<void> write(const std::string& file, std::string_view value) const;
    // Whether it holds no process, itself or below. On v1 one with cgroups below it never counts as empty.
    [[nodiscard]] Result<bool> empty() const;

private:
    UniqueFd directory_;
    ino_t inode_ = 0;
    bool has_children_ = false;
    CgroupVersion version_ = CgroupVersion::v2;
};

} // namespace bulkhead::sys
