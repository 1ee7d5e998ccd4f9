// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hooks/arguments.h"
#include "hooks/node_config.h"
#include "hooks/report.h"
#include "runtime/base/error.h"
#include "runtime/oci/state.h"

namespace bulkhead::hook {

// Puts the limits on a container that is being created, all of them or none, but for those that the node config lets it
// start without. A second run for the same process changes nothing.
[[nodiscard]] Result<void> create_runtime(const oci::State& state, const Arguments& arguments, NodeConfig& node,
                                          const Report& report);

// Gives back what the receipt of a container that is gone lists; success where there is none. Needs neither bundle nor
// mounts nor cgroup. While the receipt's process lives it is another container of that id, which came after (runc
// removes its own state before it runs poststop): nothing is done. But for one that the shim prepared: runc restores a
// container, and calls createRuntime with a state that says "stopped" and names the process.
[[nodiscard]] Result<void> poststop(const oci::State& state, const Arguments& arguments);

} // namespace bulkhead::hook
