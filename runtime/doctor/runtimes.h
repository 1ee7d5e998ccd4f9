// SPDX-License-Identifier: Apache-2.0
// Which of an engine's runtimes are the shim, and which of them its containers get.
#pragma once

#include "runtime/doctor/check.h"
#include "runtime/doctor/node.h"

namespace bulkhead::doctor {

// How the shim stands in front of an engine's runtimes. It calls the hook itself.
enum class ShimUse { none, some, by_default };
[[nodiscard]] ShimUse shim_use(const engines::EngineConfig& config);

// Whether what the engine runs for it first is the shim. (Whether that is there is a link of its own.)
[[nodiscard]] bool is_ours(const engines::Runtime& runtime);
// The name of the one that a container gets that asks for none, the engine's own choice where its config has none.
[[nodiscard]] std::string default_runtime_of(const engines::EngineConfig& config);

// "runtime", "default-runtime" and "other-runtimes".
void check_runtimes(Section& section, const Node& node, const PresentEngine& engine);

} // namespace bulkhead::doctor
