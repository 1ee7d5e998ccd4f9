// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config.h"

#include <algorithm>

namespace bulkhead::policy {

bool Terms::empty() const {
    return !broken && !segments_total && std::ranges::none_of(by_key, &std::optional<Term>::has_value);
}

bool Config::has_defaults() const {
    return !defaults.empty() || std::ranges::any_of(rules, [](const Rule& rule) { return !rule.defaults.empty(); });
}

bool Config::has_disk_defaults() const {
    const auto has = [](const Terms& terms) {
        return terms[oci::Key::disk_size].has_value() || terms[oci::Key::disk_inodes].has_value();
    };
    return has(defaults) || std::ranges::any_of(rules, [&](const Rule& rule) { return has(rule.defaults); });
}

} // namespace bulkhead::policy
