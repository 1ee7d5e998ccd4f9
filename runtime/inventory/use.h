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
    Bytes used;
    std::optional<Bytes> limit;
    bool hosts = false; // the host's own: --ipc=host, hostIPC, or a bind of it
    dev_t device = 0;   // the same for all that have the same one

    bool operator==(const ShmUse&) const = default;
};

// Of the writable layer, by its project quota.
struct DiskUse {
    std::string filesystem; // UUID
    sys::ProjectId id = 0;
    std::string upper; // path of the upper directory
    Bytes used;
    std::optional<Bytes> limit;
    Count used_inodes;
    std::optional<Count> inodes_limit;

    bool operator==(const DiskUse&) const = default;
};

// Of the container's cgroup with all below it. Swap is swap alone, as on v2.
struct MemoryUse {
    Bytes usage; // memory.current: all that is charged
    Bytes
        working_set; // without the file pages that were not used for long (inactive_file): what cannot just be dropped
    Bytes anon;
    Bytes file;  // page cache, shmem included
    Bytes shmem; // tmpfs and shared memory: /dev/shm and segments among it
    std::optional<Bytes> limit;
    std::optional<Bytes> high;
    Bytes low;                 // protected from reclaim
    std::optional<Bytes> swap; // nullopt: the kernel does not account it
    std::optional<Bytes> swap_limit;
    std::optional<bool> oom_group; // nullopt: v1 has no such thing

    bool operator==(const MemoryUse&) const = default;
};

// Processes and threads, of the same cgroup.
struct PidsUse {
    Count used;
    std::optional<Count> limit;

    bool operator==(const PidsUse&) const = default;
};

} // namespace bulkhead::inventory
