// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/outlook.h"

#include "runtime/policy/allowance.h"

namespace bulkhead::policy {

namespace {

// Whether the node gives something to this container, which asks for nothing.
Result<bool> has_defaults(const Config& config, const oci::Engine& engine) {
    if (!config.has_defaults()) {
        return false;
    }
    TRY_ASSIGN(const auto allowance, allowance_for(config, engine, Bytes{}));
    return allowance.has_defaults();
}

} // namespace

Result<Asking> read_asking(const oci::Spec& spec, std::string_view id, std::string_view bundle) {
    Asking asking;
    TRY_ASSIGN(asking.engine, oci::identify_engine(spec, id, bundle));
    if (!asking.engine.sandbox) {
        TRY_ASSIGN(asking.request, oci::parse_request(spec.annotations, asking.engine.container_name));
    }
    return asking;
}

Result<std::optional<Outlook>> look_ahead(const oci::Request& request, ConfigReading reading, const Facts& facts) {
    if (facts.engine.sandbox) {
        return std::nullopt;
    }
    if (request.empty()) {
        TRY_ASSIGN(const auto concerned, has_defaults(reading.config, facts.engine));
        if (!concerned) {
            return std::nullopt;
        }
    }
    Outlook outlook;
    TRY_ASSIGN(outlook.config, std::move(reading).sound());
    TRY_ASSIGN(outlook.plan, decide(request, outlook.config, facts));
    return outlook;
}

} // namespace bulkhead::policy
