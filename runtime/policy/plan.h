// SPDX-License-Identifier: Apache-2.0
// Request × what the node allows → plan. Pure: values in, values out, nothing is looked at and nothing done.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/oci/request.h"
#include "runtime/policy/segments.h"

#include <array>
#include <optional>
#include <vector>

namespace bulkhead::policy {

// What the node allows at most. A maximum bounds what is asked for; it is never a reason to set something.
struct Limits {
    struct Maximum {
        std::uint64_t value = 0;
        std::string_view origin; // for messages: "half of the node's RAM"
    };
    std::array<std::optional<Maximum>, oci::key_count> max;

    [[nodiscard]] const std::optional<Maximum>& operator[](oci::Key key) const {
        return max[static_cast<std::size_t>(key)];
    }
};

// The limits of a node without a config: /dev/shm at most half of its RAM, as the kernel does for a tmpfs without a
// size. What lies below the engine's own cgroup limits needs no maximum: those are never raised.
[[nodiscard]] Limits built_in_limits(Bytes ram);

// What is to be done, each part with the words it was asked in.
struct Plan {
    std::optional<oci::Setting> shm_size;
    std::vector<oci::Setting> cgroup; // memory-* and pids-max
    std::optional<oci::Setting> disk_size;
    std::optional<oci::Setting> disk_inodes;
    std::vector<SegmentPlan> segments; // by plan_segments()

    // Every part, in the order of the table of keys.
    [[nodiscard]] std::vector<oci::Setting> all() const;
    [[nodiscard]] bool disk() const { return disk_size || disk_inodes; }
    [[nodiscard]] bool empty() const { return !shm_size && cgroup.empty() && !disk() && segments.empty(); }
};

// Code::not_allowed where a maximum is exceeded, or for memory-low without one: it takes memory from others, so that
// the operator must have said how much.
[[nodiscard]] Result<Plan> make_plan(const oci::Request& request, const Limits& limits);

} // namespace bulkhead::policy
