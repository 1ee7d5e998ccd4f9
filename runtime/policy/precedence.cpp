// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/precedence.h"

namespace bulkhead::policy {

bool engines_stays(const oci::Setting& setting, const CgroupConfig& config, std::optional<std::uint64_t> engines,
                   std::uint64_t wanted) {
    if (setting.key == oci::Key::memory_oom_group) {
        return engines == 1 || wanted == 0;
    }
    if (setting.key == oci::Key::memory_low) {
        return engines == wanted || (setting.is_default() && engines != 0);
    }
    const bool may_raise = config.allow_raise && !setting.is_default();
    return may_raise ? engines == wanted : engines && *engines <= wanted;
}

bool may_start_without(oci::Resource resource, const Error& error, const OnError& config) {
    const bool verdict = error.code == Code::not_allowed || error.code == Code::invalid_annotation;
    return !verdict && config.warns(resource);
}

} // namespace bulkhead::policy
