// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/sys/procfs.h"

#include <string>

namespace bulkhead::ledger {

// The container that something belongs to.
struct Owner {
    std::string id;
    std::string bundle;
    sys::ProcessIdentity process; // its first process
    std::string boot_id;          // a start time means something within one boot only

    bool operator==(const Owner&) const = default;
};

// Whether the container still runs: its first process does, in this boot. A zombie does not.
[[nodiscard]] Result<bool> is_alive(const Owner& owner);

} // namespace bulkhead::ledger
