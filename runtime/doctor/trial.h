// SPDX-License-Identifier: Apache-2.0
// A throw-away container, started by an engine as any other is: it asks for limits, says which ones it has, and tries
// to take its disk limit off.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::doctor {

inline constexpr std::string_view probe_path = "/usr/libexec/bulkhead/bulkhead-probe";

// What the container asks for: as much as it may, of small limits.
struct Trial {
    std::map<std::string, std::uint64_t> limits; // by key, "shm-size"
    bool guarded = false;                        // the shim starts it
};
[[nodiscard]] Trial trial_for(const Node& node, bool with_disk, bool guarded);

// What the probe said, by name.
using Words = std::map<std::string, std::string>;
[[nodiscard]] Words words_of(std::string_view output);

// "run-shm", "run-memory", "run-pids", "run-disk" and "run-guard" of what was asked for.
void judge_trial(Section& section, const Trial& trial, const Words& words);

// "run" as well, and "run-clean": whether nothing is left of it. Nothing is pulled; image and container are removed.
void run_trial(Section& section, const Node& node, const PresentEngine& engine);

} // namespace bulkhead::doctor
