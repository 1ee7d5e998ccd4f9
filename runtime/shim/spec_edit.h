// SPDX-License-Identifier: Apache-2.0
// What the shim writes into config.json before the runtime reads it.
#pragma once

#include "runtime/base/error.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::shim {

// Limits are written as they are given: whether they are tighter than what is there is the caller's matter.
struct SpecEdit {
    // NOLINTBEGIN(readability-redundant-member-init): without, gcc misses them where they are left out
    // The hook's program, for createRuntime and poststop; empty: no hooks are added. A list that has it already, or the
    // packaged one, which comes from hooks.d, stays as it is.
    std::string hook{};

    std::optional<std::uint64_t> shm_size{}; // bytes, of a tmpfs that the runtime mounts at /dev/shm; of nothing else
    std::optional<std::uint64_t> memory_limit{};  // bytes
    std::optional<std::uint64_t> memory_swap{};   // memory and swap together, as the OCI's "swap" is
    std::optional<std::uint64_t> pids_limit{};    // processes and threads
    std::map<std::string, std::string> unified{}; // cgroup v2 files: runc and crun make systemd properties of them
    // NOLINTEND(readability-redundant-member-init)
    // The annotation by which runc and crun give the scope its OOMPolicy: memory.oom.group alone is undone by systemd.
    bool oom_kill = false;
};

// The text of a config.json with `edit` made in it; every other byte stays as it was, and what was edited is not edited
// again. Parents that are missing or null are made. Code::malformed_input where one is of another type.
[[nodiscard]] Result<std::string> edit_spec(std::string_view text, const SpecEdit& edit);

} // namespace bulkhead::shim
