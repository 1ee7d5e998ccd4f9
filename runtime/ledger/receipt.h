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

#include <cstdint>
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

// The shim's guard of a container (SECURITY.md).
struct GuardRecord {
    bool put_up = false;   // it runs behind the filter, and so must all that is executed in it
    std::string escapable; // why a disk limit could be taken off all the same; empty where it cannot
};

// A value that a container was given and that an update must not exceed.
struct Promise {
    oci::Key key = oci::Key::memory_max;
    std::uint64_t value = 0;
};

// How far a container is.
enum class Phase {
    prepared, // the shim did its part; the process is the runtime's, which the shim became
    running,  // createRuntime is done, or at work; the process is the container's first
};

struct Receipt : Owner {
    Phase phase = Phase::running;
    std::optional<GuardRecord> guard;
    std::vector<Promise> promises;      // of the cgroup
    std::vector<oci::Annotation> asked; // by the container, or by the node config for it: "FILE: defaults.pids-max"
    std::vector<LeftOut> left_out;
    std::optional<resources::ShmRecord> shm;
    std::optional<DiskReference> disk;
    std::vector<resources::CgroupWrite> cgroup;
    std::vector<resources::SegmentRecord> segments;
};

// Whether it runs behind the guard.
[[nodiscard]] inline bool is_guarded(const Receipt& receipt) { return receipt.guard && receipt.guard->put_up; }

[[nodiscard]] std::string to_json(const Receipt& receipt);
// Code::internal for what to_json() did not write.
[[nodiscard]] Result<Receipt> from_json(std::string_view text);

} // namespace bulkhead::ledger
