// SPDX-License-Identifier: Apache-2.0
// The daemons among the node's processes.
#pragma once

#include "runtime/engines/engine.h"
#include "runtime/sys/procfs.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// The program that an engine's containers are started by: "dockerd".
[[nodiscard]] std::string_view program_name(Engine engine);

// Those of that name that are root's and outside of containers. Any user's process, and one in a container, may call
// itself anything and name any config: it is not listened to.
[[nodiscard]] std::vector<sys::Process> nodes_processes(std::string_view name);

// What `arguments` gives for an option: in the same word behind "=", or in the next one. nullopt: it is not among them.
[[nodiscard]] std::optional<std::string> option_of(const std::vector<std::string>& arguments,
                                                   const std::vector<std::string>& names);

// The config that an engine's daemon was told to read by its command line, whichever engine's it is; nullopt: its own
// default.
[[nodiscard]] std::optional<std::string> config_of(const std::vector<std::string>& arguments);

} // namespace bulkhead::engines
