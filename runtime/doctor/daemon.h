// SPDX-License-Identifier: Apache-2.0
// The engines' daemons that run, and whether they know what their configs say by now: none of them reads one again by
// itself.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/engines/engine_config.h"
#include "runtime/sys/procfs.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::doctor {

struct Daemon {
    sys::ProcessIdentity process;
    std::string config; // that its command line names; empty: none
};

// Whether root runs a process of that name, outside of containers.
[[nodiscard]] bool runs(std::string_view name);

// The daemon of `engine` that reads its usual config, else one that was started with another, but for docker's own
// containerd. nullopt: none runs, or the engine has none.
[[nodiscard]] std::optional<Daemon> find_daemon(engines::Engine engine);

// "daemon": whether what runs knows of the shim, where the config has it.
void check_daemon(Section& section, const engines::EngineConfig& config, const std::optional<Daemon>& daemon);

} // namespace bulkhead::doctor
