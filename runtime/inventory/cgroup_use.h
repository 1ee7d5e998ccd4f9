// SPDX-License-Identifier: Apache-2.0
// Memory and pids of a container's cgroup, v2 and v1.
#pragma once

#include "runtime/base/error.h"
#include "runtime/inventory/use.h"
#include "runtime/resources/cgroup.h"
#include "runtime/sys/cgroup.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::inventory {

// The cgroup that the engine made for the container `id`, and those below it down to the one that its first process is
// in (crun's leaf, or where the container has a hierarchy of its own, and there nothing would be told of the rest),
// outermost first. The engine's is the one that limits were `written` to, else the outermost that is called after it:
// "/ID", "PREFIX-ID.scope"; the process's own where there is none. At least one, and a few at most: deeper ones are the
// container's own doing.
[[nodiscard]] std::vector<sys::CgroupPlace> container_cgroups(const sys::CgroupPlace& process, std::string_view id,
                                                              const std::vector<resources::CgroupWrite>& written);

// The number behind `name` in a memory.stat; 0 where it is not there.
[[nodiscard]] Bytes memory_stat(std::string_view text, std::string_view name);

// What the first of these holds, each of which is below the one before; of every limit (memory.low is none) the
// tightest that any of them has: crun 1.8 under systemd limits the leaf alone. nullopt: the controller is not on in the
// first.
[[nodiscard]] Result<std::optional<MemoryUse>> memory_use(const std::vector<sys::Cgroup>& cgroups);
[[nodiscard]] Result<std::optional<PidsUse>> pids_use(const std::vector<sys::Cgroup>& cgroups);

} // namespace bulkhead::inventory
