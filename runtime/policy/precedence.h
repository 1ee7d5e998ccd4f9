// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/request.h"
#include "runtime/policy/config.h"

#include <cstdint>
#include <optional>

namespace bulkhead::policy {

// Whether a cgroup's value stays as the engine set it, though `setting`, in the units that the kernel keeps, is for
// `wanted`. nullopt: the engine set no limit. Limits are only tightened, unless the node config lets a container raise
// them; a default never does. A container that is killed as a whole stays one. memory-low is a protection, not a limit:
// 0 where the engine set none, raised by who asks, and by a default where there is none.
[[nodiscard]] bool engines_stays(const oci::Setting& setting, const CgroupConfig& config,
                                 std::optional<std::uint64_t> engines, std::uint64_t wanted);

// Whether a container may start without what `error` keeps it from having. What is not allowed, or not written as it
// must be, is never let through.
[[nodiscard]] bool may_start_without(oci::Resource resource, const Error& error, const OnError& config);

} // namespace bulkhead::policy
