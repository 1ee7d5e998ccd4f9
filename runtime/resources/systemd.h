// SPDX-License-Identifier: Apache-2.0
// The systemd unit that a container's cgroup belongs to. systemd writes a unit's values into its cgroup again at every
// `systemctl daemon-reload`: what was only written to the files is lost then, so the unit must be told as well.
#pragma once

#include "runtime/base/error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::resources {

// The container's scope, and the part of the cgroup's path that ends with it.
struct SystemdUnit {
    std::string name; // "libpod-0123.scope"
    std::string path; // "/machine.slice/libpod-0123.scope"
};

// nullopt with the cgroupfs driver. `cgroups_path` is config.json's: with the systemd driver it is SLICE:PREFIX:NAME,
// which makes PREFIX-NAME.scope, or is left out, and the runtime takes its own name and the container's `id`. Only the
// cgroup itself (runc) or its parent (crun puts the process into a leaf of the scope) can be it, and only by that name:
// with cgroupfs, whose paths have a "/", a container may lie in the scope of whoever started it, or of another.
[[nodiscard]] std::optional<SystemdUnit> find_unit(std::string_view cgroup_path, std::string_view cgroups_path,
                                                   std::string_view id);

struct UnitProperty {
    std::string name; // "MemoryMax" (org.freedesktop.systemd1(5)); all of type t
    std::uint64_t value = 0;
};

// Sets them for as long as the unit lives, over D-Bus. Code::unsupported where there is none, Code::busy where systemd
// does not answer within 3 s (a daemon-reload stalls it).
[[nodiscard]] Result<void> set_unit_properties(const SystemdUnit& unit, const std::vector<UnitProperty>& properties,
                                               const std::string& bus = "/run/dbus/system_bus_socket");

} // namespace bulkhead::resources
