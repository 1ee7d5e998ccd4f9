// SPDX-License-Identifier: Apache-2.0
// Node config × who the container is → what it may ask for, and what it gets where it asks for nothing. Pure.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/request.h"
#include "runtime/policy/config.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace bulkhead::policy {

struct Maximum {
    std::uint64_t value = 0;
    std::string origin; // for messages: "half of the node's RAM", "rules[1].max.shm-size in FILE"
    bool built_in = false;
};

// What one container may have.
struct Allowance {
    std::array<std::optional<Maximum>, oci::key_count> maxima; // of Key::segment: of each segment
    std::optional<Maximum> segments_total;
    std::array<std::optional<oci::Setting>, oci::key_count> defaults; // none above its maximum
    bool broken_defaults = false; // there is more that could not be understood: never of a sound config
    const Rule* rule = nullptr;   // the one that matched, in the config that this was made of

    [[nodiscard]] const std::optional<Maximum>& max(oci::Key key) const {
        return maxima[static_cast<std::size_t>(key)];
    }
    [[nodiscard]] const std::optional<oci::Setting>& default_for(oci::Key key) const {
        return defaults[static_cast<std::size_t>(key)];
    }
    // Whether a container that asks for nothing gets something.
    [[nodiscard]] bool has_defaults() const;
    // By the rule's list.
    [[nodiscard]] bool allows(oci::Key key) const;
};

// The pod's namespace, or local_namespace outside of Kubernetes. Code::malformed_input where the engine should say it
// and does not.
[[nodiscard]] Result<std::string> namespace_of(const oci::Engine& engine);

// The first rule that matches and the top level together; without either, half of the node's RAM for /dev/shm and for
// each segment, as the kernel does for a tmpfs without a size. What lies below the engine's own cgroup limits needs no
// maximum: those are never raised. Code::malformed_input where a rule depends on what the engine does not tell.
[[nodiscard]] Result<Allowance> allowance_for(const Config& config, const oci::Engine& engine, Bytes ram);

} // namespace bulkhead::policy
