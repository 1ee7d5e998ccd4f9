// SPDX-License-Identifier: Apache-2.0
// What becomes of a container, as far as its bundle and the node config tell: one road for the hook, which then does
// it, and for the operator's command, which says it. Pure.
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/request.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/config.h"
#include "runtime/policy/config_file.h"
#include "runtime/policy/decision.h"
#include "runtime/policy/plan.h"

#include <optional>
#include <string_view>

namespace bulkhead::policy {

// Who it is that asks, and for what. A sandbox asks for nothing, whatever its annotations say.
struct Asking {
    oci::Engine engine;
    oci::Request request;
};
[[nodiscard]] Result<Asking> read_asking(const oci::Spec& spec, std::string_view id, std::string_view bundle);

// What is to be done, and what that was decided by.
struct Outlook {
    Config config;
    Plan plan;
};

// nullopt: nothing is to be done. A sandbox is left alone, and so is who asks for nothing where no default is for it;
// of a config that is unsound, what is sound of it says whom defaults are for. Code::bad_config where it matters and is
// unsound, else what decide() has.
[[nodiscard]] Result<std::optional<Outlook>> look_ahead(const oci::Request& request, ConfigReading reading,
                                                        const Facts& facts);

} // namespace bulkhead::policy
