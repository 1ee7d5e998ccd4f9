// SPDX-License-Identifier: Apache-2.0
// How commands look at what the node has.
#pragma once

#include "runtime/base/error.h"
#include "runtime/cli/command.h"
#include "runtime/inventory/inventory.h"

#include <string>

namespace bulkhead::cli {

// For good, into the mount namespace of PID 1, where segments are mounted. Code::not_allowed for whoever is not root.
[[nodiscard]] Result<void> enter_node();

// After enter_node().
[[nodiscard]] Result<inventory::Inventory> look_at_node(const Options& options);

// On standard error, a line for each: "bulkhead: COMMAND: NAME: REASON".
void print_problems(const inventory::Inventory& inventory, const char* command);

// `error` as the one line that a command fails with; returns its exit status.
int fail_command(const char* command, const Error& error);

// The container whose id is `id`, or begins with it where no other's does; of several with one id (of two engines) the
// one with that `bundle`, absolute, if it is not empty. Code::busy where there are several: `candidates` are they.
[[nodiscard]] Result<const inventory::Container*> find_container(const inventory::Inventory& inventory,
                                                                 const std::string& id, const std::string& bundle,
                                                                 std::vector<const inventory::Container*>& candidates);

// The segment NAME or SCOPE/NAME. Code::busy where the name is that of several.
[[nodiscard]] Result<const inventory::Segment*> find_segment(const inventory::Inventory& inventory,
                                                             const std::string& name);

} // namespace bulkhead::cli
