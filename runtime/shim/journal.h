// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <string>
#include <string_view>

namespace bulkhead::shim {

// What an operator should know of a container that starts all the same: for the node's journal, never for stdout or
// stderr, which are the container's.
class Journal {
public:
    Journal(std::string container, std::string state_dir)
        : container_(std::move(container)), state_dir_(std::move(state_dir)) {}

    void warning(std::string_view text) const;
    // Keeps a refusal for the operator as well; the line that is told.
    [[nodiscard]] std::string refusal(const Error& error) const;

private:
    std::string container_;
    std::string state_dir_;
};

} // namespace bulkhead::shim
