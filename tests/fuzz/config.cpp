// SPDX-License-Identifier: Apache-2.0
// A bundle's config.json, from its bytes to the plan.
#include "runtime/oci/confinement.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/engine_words.h"
#include "runtime/oci/request.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/decision.h"

#include "fuzz.h"
#include "support/node_config.h"

namespace bulkhead::fuzz {

namespace {

constexpr Bytes ram{8ULL << 30U};

// One that has a maximum for everything, and a rule.
const policy::Config& strict() {
    static const auto config = test::sound_config(
        R"({"max": {"shm-size": "64Mi", "memory-max": "1Gi", "memory-high": "1Gi", "memory-low": "1Mi",
            "memory-swap-max": "10Mi", "pids-max": 100, "disk-size": "1Gi", "disk-inodes": 1000, "segment-size": "10Mi",
            "segments-total": "20Mi"}, "rules": [{"namespace": "prod-*", "allow": ["pids-max", "shm-size"]}],
            "segments": {"feed": {"size": "4Mi", "readers": ["*"], "writers": ["shop"]}}})");
    return config;
}

void require_within(const policy::Plan& plan, const policy::Config& config) {
    for (const auto& setting : plan.all()) {
        const auto& most = config.max[setting.key];
        const bool is_segment = oci::info_of(setting.key).type == oci::ValueType::segment;
        require(is_segment || !most || setting.value <= most->size.of(ram), "nothing is above its maximum");
        require(setting.annotation.starts_with(oci::our_prefix), "without defaults, only annotations ask");
    }
    for (const auto& segment : plan.segments) {
        require(!segment.size || segment.size->value <= (10U << 20U), "no segment is above its maximum");
    }
}

void decide(const oci::Spec& spec, const oci::Engine& engine) {
    const auto request = oci::parse_request(spec.annotations, engine.container_name);
    if (!request) {
        require_sound(request.error());
        return;
    }
    const policy::Facts facts{.engine = engine, .ram = ram, .sys_admin = spec.may_have_sys_admin};
    const auto plan = policy::decide(*request, strict(), facts);
    if (plan) {
        require_within(*plan, strict());
    } else {
        require_sound(plan.error());
    }
}

} // namespace

void fuzz(std::string_view input) {
    static_cast<void>(oci::read_engine_words(input));
    if (const auto confinement = oci::read_confinement(input); !confinement) {
        require_sound(confinement.error());
    }
    for (const std::string bundle : {"/bundle", "/var/lib/containers/storage/overlay-containers/id/userdata"}) {
        const auto spec = oci::parse_spec(input, bundle);
        if (!spec) {
            require_sound(spec.error());
            continue;
        }
        require(spec->root.starts_with('/'), "the root is absolute");
        const auto engine = oci::identify_engine(*spec, "id", bundle);
        if (!engine) {
            require_sound(engine.error());
        } else if (!engine->sandbox) {
            decide(*spec, *engine);
        }
    }
}

} // namespace bulkhead::fuzz
