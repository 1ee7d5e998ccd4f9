// SPDX-License-Identifier: Apache-2.0
// What containerd's CRI plugin alone has: annotations that do not reach a container unless they are let through, hooks
// in a base_runtime_spec, a cgroup driver for each handler.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

namespace bulkhead::doctor {

// Whether the handler's base_runtime_spec has our hook, at any stage; or may have it, as it cannot be read. What is
// wrong with it is a link of its own.
[[nodiscard]] bool has_our_hooks(const engines::Runtime& runtime, const std::string& hook);

// "base-spec", "runtime-type", "annotations" and "cgroup-driver", of the handlers that are ours.
void check_containerd(Section& section, const Node& node, const engines::EngineConfig& config);

} // namespace bulkhead::doctor
