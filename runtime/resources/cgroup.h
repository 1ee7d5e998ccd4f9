// SPDX-License-Identifier: Apache-2.0
// Memory and pids limits of a container's cgroup, on v2, v1 and both at once.
//
// Limits are only tightened: what the engine set below the value asked for stays, and is told as a note, unless the
// node config lets a container raise it; a default never does. Under systemd's driver the unit is told too, so that the
// values survive a daemon-reload.
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/request.h"
#include "runtime/policy/config.h"
#include "runtime/resources/container.h"
#include "runtime/resources/systemd.h"
#include "runtime/sys/cgroup.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::resources {

// One file of one cgroup, before and after.
struct CgroupWrite {
    sys::CgroupPlace place;
    std::uint64_t inode = 0; // of the cgroup's directory: tells it from a later one of the same path
    std::string file;
    std::string old_value;
    std::string new_value;
};

class CgroupLimits {
public:
    // Looks at what is there and at whether it can be done; writes nothing. Code::busy: more is in use than would be
    // allowed. Code::unsupported: the kernel or the engine has no such limit here.
    [[nodiscard]] static Result<CgroupLimits> prepare(const std::vector<oci::Setting>& settings,
                                                      const policy::CgroupConfig& config, const Container& container);

    [[nodiscard]] const std::vector<CgroupWrite>& record() const { return writes_; }
    // What an operator should know though nothing failed: values kept at the engine's.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

    // The memory limit that is set here; nullopt where none is, or the engine's stays somewhere.
    [[nodiscard]] std::optional<Bytes> memory_limit() const;

    // Errors name the setting they are about.
    [[nodiscard]] Result<void> apply();
    // Takes back what apply() wrote, as far as it can; the first error otherwise. The unit's properties stay: they end
    // with the container's scope.
    [[nodiscard]] Result<void> undo();

private:
    class Preparation;

    [[nodiscard]] Result<void> write(const CgroupWrite& what, const std::string& value) const;

    struct UnitChange {
        SystemdUnit unit;
        std::vector<UnitProperty> properties;
    };
    std::optional<UnitChange> unit_;
    std::map<std::string, sys::Cgroup> cgroups_; // by controller and path
    std::vector<CgroupWrite> writes_;            // in the order in which they must be made
    std::vector<oci::Setting> asked_;            // what each of them is for
    std::vector<std::string> notes_;
    std::size_t written_ = 0;
};

// Of a memory or pids setting: the kernel keeps bytes as whole pages, rounded down. Written that way, what is read back
// is what was written.
[[nodiscard]] std::uint64_t as_kernel_keeps_it(const oci::Setting& setting);

// Whether cgroups of this version have such a limit at all; Code::unsupported. Does not name the setting.
[[nodiscard]] Result<void> check_version(const oci::Setting& setting, sys::CgroupVersion version);

// The memory limit that holds for the container: its cgroup's own. nullopt: none, or it cannot be told.
[[nodiscard]] std::optional<Bytes> memory_limit_in_force(const Container& container);

// What the cgroup has of a memory or pids key, as the kernel keeps it: of v1 memory-swap-max is memory and swap
// together. nullopt: no limit, or nothing of the kind here.
[[nodiscard]] Result<std::optional<std::uint64_t>> limit_in_force(const sys::Cgroup& cgroup, oci::Key key);

// Writes the old values back where the cgroup still is, holds no process and still has ours: usually it went with the
// container. Nothing to do is success; otherwise all are tried and the first error is returned.
[[nodiscard]] Result<void> release_cgroup(const std::vector<CgroupWrite>& writes);

} // namespace bulkhead::resources
