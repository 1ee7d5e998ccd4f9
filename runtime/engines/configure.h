// SPDX-License-Identifier: Apache-2.0
// What `bulkhead configure` does: plans, keeps what was there before, and writes. It starts and stops nothing.
#pragma once

#include "runtime/base/error.h"
#include "runtime/engines/engine.h"
#include "runtime/engines/plan.h"

#include <string>
#include <vector>

namespace bulkhead::engines {

struct ConfigureRequest {
    Engine engine = Engine::podman;
    std::string main; // the engine's main config; absolute
    bool remove = false;
    bool make_default = false;
    bool dry_run = false;
};

struct ConfigureOutcome {
    std::vector<FileEdit> edits;    // some may change nothing
    std::vector<std::string> notes; // for the operator, one line each
    std::string next;               // the command that makes the engine read it; empty: none is needed

    [[nodiscard]] bool changes() const;
};

// `base` is where records are kept: ledger::disk_directory. Where something fails nothing is changed.
[[nodiscard]] Result<ConfigureOutcome> configure(const ConfigureRequest& request, const Node& node,
                                                 const std::string& base);

} // namespace bulkhead::engines
