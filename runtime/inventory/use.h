// SPDX-License-Identifier: Apache-2.0
// What a container holds of each resource at one moment, and may hold. A limit that is nullopt is none.
#pragma once

#include "runtime/base/units.h"
#include "runtime/sys/project.h"

#include <optional>
#include <string>
#include <sys/types.h>

namespace bulkhead::inventory {

// Of /dev/shm. In a pod every container has the same one, and shows the same.
struct ShmUse {
    Bytes used{0};
    std::optional<Bytes> limit = std::nullopt;
    bool hosts = false; // the host's own: --ipc=host, hostIPC, or a bind of it
    dev_t device = 0;   // the same for all that have the same one

    bool operator==(const ShmUse&) const = default;
};

// Of the writable layer, by its project quota.
struct DiskUse {
    std::string filesystem; // UUID
    sys::ProjectId id = 0;
    std::string upper; // path of the upper directory
    Bytes used{0};
    std::optional<Bytes> limit = std::nullopt;
    Count used_inodes{0};
    std::optional<Count> inodes_limit = std::nullopt;

    bool operator==(const DiskUse&) const = default;
};

// Of the container's cgroup with all below it. Swap is swap alone, as on v2.
struct MemoryUse {
    Bytes usage{0}; // memory.current: all that is charged
    Bytes
        working_set; // without the file pages that were not used for long (inactive_file): what cannot just be dropped
    Bytes anon{0};
    Bytes file{0};  // page cache, shmem included
    Bytes shmem{0}; // tmpfs and shared memory: /dev/shm and segments among it
    std::optional<Bytes> limit = std::nullopt;
    std::optional<Bytes> high = std::nullopt;
    Bytes low{0};                             // protected from reclaim
    std::optional<Bytes> swap = std::nullopt; // nullopt: the kernel does not account it
    std::optional<Bytes> swap_limit = std::nullopt;
    std::optional<bool> oom_group = std::nullopt; // nullopt: v1 has no such thing

    bool operator==(const MemoryUse&) const = default;
};

// Processes and threads, of the same cgroup.
struct PidsUse {
    Count used{0};
    std::optional<Count> limit = std::nullopt;

    bool operator==(const PidsUse&) const = default;
};

} // namespace bulkhead::inventory
