// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/plan.h"

#include "runtime/base/quantity.h"

namespace bulkhead::policy {

namespace {

std::string amount(const oci::Setting& setting, std::uint64_t value) {
    const bool bytes = oci::info_of(setting.key).type == oci::ValueType::bytes;
    return bytes ? format(Bytes{value}) : std::to_string(value);
}

Result<void> check(const oci::Setting& setting, const Limits& limits) {
    const auto& max = limits[setting.key];
    if (!max && setting.key == oci::Key::memory_low) {
        return setting.refuse(Code::not_allowed, "takes memory from other containers, so the node config must set a "
                                                 "maximum for it, and has none; leave it out");
    }
    if (max && setting.value > max->value) {
        return setting.refuse(Code::not_allowed, "exceeds the maximum of " + amount(setting, max->value) + " (" +
                                                     std::string(max->origin) + "); ask for less");
    }
    return {};
}

void add(Plan& plan, const oci::Setting& setting) {
    switch (oci::info_of(setting.key).resource) {
    case oci::Resource::shm:
        plan.shm_size = setting;
        break;
    case oci::Resource::cgroup:
        plan.cgroup.push_back(setting);
        break;
    case oci::Resource::disk:
        (setting.key == oci::Key::disk_size ? plan.disk_size : plan.disk_inodes) = setting;
        break;
    case oci::Resource::segment:
        break; // no single setting
    }
}

} // namespace

std::vector<oci::Setting> Plan::all() const {
    std::vector<oci::Setting> settings = cgroup;
    if (shm_size) {
        settings.insert(settings.begin(), *shm_size);
    }
    for (const auto& setting : {disk_size, disk_inodes}) {
        if (setting) {
            settings.push_back(*setting);
        }
    }
    for (const auto& segment : segments) {
        settings.push_back(segment.asked);
    }
    return settings;
}

Limits built_in_limits(Bytes ram) {
    Limits limits;
    limits.max[static_cast<std::size_t>(oci::Key::shm_size)] = {.value = ram.value / 2,
                                                                .origin = "half of the node's RAM"};
    return limits;
}

Result<Plan> make_plan(const oci::Request& request, const Limits& limits) {
    Plan plan;
    for (const auto& info : oci::annotation_keys) {
        const auto& setting = request[info.key];
        if (!setting) {
            continue;
        }
        TRY(check(*setting, limits));
        add(plan, *setting);
    }
    return plan;
}

} // namespace bulkhead::policy
