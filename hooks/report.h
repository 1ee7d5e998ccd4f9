// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hooks/arguments.h"
#include "runtime/base/error.h"

#include <string>
#include <string_view>

namespace bulkhead::hook {

// Where what we say goes: stderr (runc and podman show it), the journal, and for errors a file that the operator's
// command line reads (crun shows no more than the exit status).
class Report {
public:
    explicit Report(std::string state_dir) : state_dir_(std::move(state_dir)) {}

    void about(std::string_view container, Stage stage);
    [[nodiscard]] bool is_about(Stage stage) const { return stage_ == name_of(stage); }

    // A refusal; returns the exit status that goes with it.
    [[nodiscard]] int failure(const Error& error) const;
    // Something that went wrong and changes nothing for the container. Journal only.
    void warning(std::string_view text) const;

private:
    std::string state_dir_;
    std::string container_;
    std::string_view stage_ = "unknown";
};

} // namespace bulkhead::hook
