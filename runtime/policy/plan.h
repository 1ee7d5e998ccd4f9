// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/oci/request.h"
#include "runtime/policy/segments.h"

#include <optional>
#include <vector>

namespace bulkhead::policy {

// What is to be done, each part with the words it was asked in: a container's, or the config's for a default.
struct Plan {
    std::optional<oci::Setting> shm_size;
    std::vector<oci::Setting> cgroup; // memory-* and pids-max
    std::optional<oci::Setting> disk_size;
    std::optional<oci::Setting> disk_inodes;
    std::optional<Count> most_disk_inodes; // for what disk_size alone implies
    std::vector<SegmentPlan> segments;

    // Every part, in the order of the table of keys.
    [[nodiscard]] std::vector<oci::Setting> all() const;
    [[nodiscard]] bool disk() const { return disk_size || disk_inodes; }
    // Of the disk's two settings the one that messages name; only where there is one.
    [[nodiscard]] const oci::Setting& disk_setting() const { return disk_size ? *disk_size : *disk_inodes; }
    [[nodiscard]] bool empty() const { return !shm_size && cgroup.empty() && !disk() && segments.empty(); }
};

} // namespace bulkhead::policy
