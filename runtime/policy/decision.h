// SPDX-License-Identifier: Apache-2.0
// Request × node config × facts → plan, or the reason why not. Pure: values in, values out, nothing is looked at and
// nothing done.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/request.h"
#include "runtime/policy/allowance.h"
#include "runtime/policy/config.h"
#include "runtime/policy/plan.h"

namespace bulkhead::policy {

struct Facts {
    const oci::Engine& engine;
    Bytes ram;              // the node's
    bool sys_admin = false; // CAP_SYS_ADMIN is in its bounding set, in whatever user namespace
};

// Code::not_allowed for what the node does not allow, also memory-low without a maximum: it takes memory from others,
// so that the operator must have said how much; and for ro with CAP_SYS_ADMIN. Code::invalid_annotation for what does
// not go together. Code::malformed_input where it depends on what the engine does not tell.
//
// A default is for a container that does not ask for the same; what the two of them mean together is for the resources
// to see (a default never loosens what the engine set).
[[nodiscard]] Result<Plan> decide(const oci::Request& request, const Config& config, const Facts& facts);

} // namespace bulkhead::policy
