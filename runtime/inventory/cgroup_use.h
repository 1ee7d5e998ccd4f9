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

// The cgroup that the engine made for the container `id`, of the one that its first process is in: that may be below it
// (crun's leaf, or where the container has a hierarchy of its own, and there nothing would be told of the rest). The
// one that limits were `written` to, else the outermost that is called after it: "/ID", "PREFIX-ID.scope". The
// process's own where there is none.
[[nodiscard]] sys::CgroupPlace container_cgroup(const sys::CgroupPlace& process, std::string_view id,
                                                const std::vector<resources::CgroupWrite>& written);

// The number behind `name` in a memory.stat; 0 where it is not there.
[[nodiscard]] Bytes memory_stat(std::string_view text, std::string_view name);

// nullopt: the controller is not on here.
[[nodiscard]] Result<std::optional<MemoryUse>> memory_use(const sys::Cgroup& cgroup);
[[nodiscard]] Result<std::optional<PidsUse>> pids_use(const sys::Cgroup& cgroup);

} // namespace bulkhead::inventory
