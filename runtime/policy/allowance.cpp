// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/allowance.h"

#include "runtime/base/glob.h"

#include <algorithm>

namespace bulkhead::policy {

namespace {

using oci::Key;

constexpr std::string_view half_of_ram = "half of the node's RAM";

Result<bool> matches_namespace(const Rule& rule, const oci::Engine& engine) {
    if (!rule.name_space) {
        return true;
    }
    TRY_ASSIGN(const auto name, namespace_of(engine));
    return glob_matches(*rule.name_space, name);
}

Result<bool> matches_container(const Rule& rule, const oci::Engine& engine) {
    if (!rule.container) {
        return true;
    }
    if (!engine.container_name) {
        return fail(Code::malformed_input, "the engine's annotations do not tell this container's name");
    }
    return glob_matches(*rule.container, *engine.container_name);
}

Result<bool> matches(const Rule& rule, const oci::Engine& engine) {
    if (rule.broken) {
        return false;
    }
    TRY_ASSIGN(const auto by_namespace, matches_namespace(rule, engine));
    return by_namespace ? matches_container(rule, engine) : Result<bool>(false);
}

Result<const Rule*> find_rule(const Config& config, const oci::Engine& engine) {
    for (const auto& rule : config.rules) {
        TRY_ASSIGN(const auto found, matches(rule, engine));
        if (found) {
            return &rule;
        }
    }
    return nullptr;
}

// The rule's where it has one, else the top level's.
const std::optional<Term>& in_force(const std::optional<Term>& top, const std::optional<Term>* of_rule) {
    return of_rule != nullptr && *of_rule ? *of_rule : top;
}

std::optional<Maximum> maximum(const std::optional<Term>& term, Bytes ram) {
    if (!term) {
        return std::nullopt;
    }
    return Maximum{.value = term->size.of(ram), .origin = term->place.path + " in " + term->place.file};
}

// A default that exceeds the maximum is a maximum's worth: nobody asked for more.
std::optional<oci::Setting> default_setting(Key key, const std::optional<Term>& term, const Allowance& allowance,
                                            Bytes ram) {
    if (!term) {
        return std::nullopt;
    }
    const auto value = term->size.of(ram);
    const auto& max = allowance.max(key);
    return oci::Setting{.key = key,
                        .annotation = term->place.path,
                        .text = term->text,
                        .value = max ? std::min(value, max->value) : value,
                        .for_one_container = false,
                        .file = term->place.file};
}

} // namespace

bool Allowance::has_defaults() const {
    return broken_defaults || std::ranges::any_of(defaults, &std::optional<oci::Setting>::has_value);
}

bool Allowance::allows(Key key) const {
    return rule == nullptr || !rule->allow || std::ranges::find(*rule->allow, key) != rule->allow->end();
}

Result<std::string> namespace_of(const oci::Engine& engine) {
    if (engine.family == oci::Family::none) {
        return std::string(local_namespace);
    }
    if (!engine.kubernetes_namespace) {
        return fail(Code::malformed_input, "the engine's annotations do not tell the pod's namespace");
    }
    return *engine.kubernetes_namespace;
}

Result<Allowance> allowance_for(const Config& config, const oci::Engine& engine, Bytes ram) {
    Allowance allowance;
    TRY_ASSIGN(allowance.rule, find_rule(config, engine));
    const auto* rule = allowance.rule;
    allowance.broken_defaults = config.defaults.broken || (rule != nullptr && rule->defaults.broken);
    for (const auto& info : oci::annotation_keys) {
        const auto at = static_cast<std::size_t>(info.key);
        const auto& max = in_force(config.max[info.key], rule == nullptr ? nullptr : &rule->max[info.key]);
        allowance.maxima[at] = maximum(max, ram);
        const bool needs_one = info.key == Key::shm_size || info.key == Key::segment;
        if (needs_one && !allowance.maxima[at]) {
            allowance.maxima[at] =
                Maximum{.value = ram.value / 2, .origin = std::string(half_of_ram), .built_in = true};
        }
        const auto& wish = in_force(config.defaults[info.key], rule == nullptr ? nullptr : &rule->defaults[info.key]);
        allowance.defaults[at] = default_setting(info.key, wish, allowance, ram);
    }
    allowance.segments_total =
        maximum(in_force(config.max.segments_total, rule == nullptr ? nullptr : &rule->max.segments_total), ram);
    return allowance;
}

} // namespace bulkhead::policy
