// SPDX-License-Identifier: Apache-2.0
// How commands look at what the node has.
#pragma once

#include "runtime/base/error.h"
#include "runtime/cli/command.h"
#include "runtime/inventory/inventory.h"
#include "runtime/ledger/last_error.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::cli {

// Code::not_allowed, "only root can " + `what`, for anybody else.
[[nodiscard]] Result<void> need_root(std::string_view what);

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

// What was said when the container of that whole id was last refused, with or without a receipt. nullopt also where
// the state directory cannot be read.
[[nodiscard]] std::optional<ledger::LastError> last_refusal(const Options& options, const std::string& id);

using UseOfContainer = std::function<int(const inventory::Inventory&, const inventory::Container&)>;

// Enters the node, hands the container that find_container() finds to `use`, and returns what that does. Where there is
// none, or are several: something_wrong, with what could have been meant, or its last refusal, on standard error.
int on_container(const char* command, const Options& options, const std::string& id, const std::string& bundle,
                 const UseOfContainer& use);

// The segment NAME or SCOPE/NAME. Code::busy where the name is that of several.
[[nodiscard]] Result<const inventory::Segment*> find_segment(const inventory::Inventory& inventory,
                                                             const std::string& name);

} // namespace bulkhead::cli
