// SPDX-License-Identifier: Apache-2.0
// Memory and pids of a container's cgroup, v2 and v1.
#pragma once

#include "runtime/base/error.h"
#include "runtime/inventory/use.h"
#include "runtime/resources/cgroup.h"
#include "runtime/sys/cgroup.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::inventory {

// Whether a cgroup of that name is what an engine makes for one of the containers that `is_id` says yes to: "ID",
// "PREFIX-ID", "PREFIX-ID.scope". (An id may have a "-" in it.)
[[nodiscard]] bool is_called_after(std::string_view name, const std::function<bool(std::string_view id)>& is_id);

// The cgroup that the engine made for the container `id`, and those below it down to the one that its first process is
// in (crun's leaf, or where the container has a hierarchy of its own, and there nothing would be told of the rest),
// outermost first. The engine's is the one that limits were `written` to, else the outermost that is called after it,
// else the process's own. At least one, and a few at most: deeper ones are the container's own doing.
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
