// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/ledger/receipt.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/outlook.h"

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::hook {

struct GuardSubject {
    std::string_view config; // the text of config.json
    const oci::Spec& spec;
    const policy::Outlook& outlook;
    const std::optional<ledger::Receipt>& prepared; // by the shim
};

// Whether the container runs behind the guard, and what keeps its disk limit from holding all the same: as the shim
// wrote it, or, where it did not, as the hook can tell, which has inherited the guard if there is one. nullopt: neither
// the shim nor a disk limit has to do with it. Code::not_allowed where the node config requires the guard.
[[nodiscard]] Result<std::optional<ledger::GuardRecord>> look_at_guard(const GuardSubject& subject,
                                                                       const std::string& state_dir);

} // namespace bulkhead::hook
