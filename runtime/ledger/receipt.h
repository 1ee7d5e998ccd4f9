// SPDX-License-Identifier: Apache-2.0
// What was done to one container, written before it is done: enough to undo it when the container, its bundle, its
// mounts and its cgroup are gone.
#pragma once

#include "runtime/base/error.h"
#include "runtime/ledger/owner.h"
#include "runtime/oci/annotation.h"
#include "runtime/oci/spec.h"
#include "runtime/resources/cgroup.h"
#include "runtime/resources/segments.h"
#include "runtime/resources/shm.h"
#include "runtime/sys/project.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::ledger {

// Which project id of which file system the container's layer has. What is known of it is in the disk records.
struct DiskReference {
    std::string filesystem; // UUID
    sys::ProjectId id = 0;
    std::string upper; // path of the layer's upper directory
};

// A wall that could not be put up, where the node config lets a container start without.
struct LeftOut {
    oci::Resource resource = oci::Resource::shm;
    std::string reason;
};

struct Receipt : Owner {
    std::vector<oci::Annotation> asked; // by the container, or by the node config for it: "FILE: defaults.pids-max"
    std::vector<LeftOut> left_out;
    std::optional<resources::ShmRecord> shm;
    std::optional<DiskReference> disk;
    std::vector<resources::CgroupWrite> cgroup;
    std::vector<resources::SegmentRecord> segments;
};

[[nodiscard]] std::string to_json(const Receipt& receipt);
// Code::internal for what to_json() did not write.
[[nodiscard]] Result<Receipt> from_json(std::string_view text);

} // namespace bulkhead::ledger
