// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/decision.h"

#include "runtime/base/quantity.h"

#include <algorithm>

namespace bulkhead::policy {

namespace {

using oci::Key;
using oci::Setting;

std::string amount(Key key, std::uint64_t value) {
    const bool bytes = oci::info_of(key).type == oci::ValueType::bytes;
    return bytes ? format(Bytes{value}) : std::to_string(value);
}

Result<void> check_allowed(const Setting& setting, const Allowance& allowance) {
    if (allowance.allows(setting.key)) {
        return {};
    }
    const auto& place = allowance.rule->place;
    return setting.refuse(Code::not_allowed,
                          place.path + ".allow in " + place.file + " does not list it; leave it out");
}

Result<void> check_maximum(const Setting& setting, const Allowance& allowance) {
    const auto& max = allowance.max(setting.key);
    if (!max && setting.key == Key::memory_low) {
        return setting.refuse(Code::not_allowed, "takes memory from other containers, so the node config must set a "
                                                 "maximum for it, and has none; leave it out");
    }
    if (max && setting.value > max->value) {
        return setting.refuse(Code::not_allowed, "exceeds the maximum of " + amount(setting.key, max->value) + " (" +
                                                     max->origin + "); ask for less");
    }
    return {};
}

bool has_segment_at_shm(const oci::Request& request) {
    return std::ranges::any_of(request.segments(),
                               [](const oci::SegmentSetting& segment) { return segment.options.path == "/dev/shm"; });
}

// The size of a segment at /dev/shm is the segment's matter.
bool default_applies(Key key, const oci::Request& request) {
    return key != Key::shm_size || !has_segment_at_shm(request);
}

void add(Plan& plan, const Setting& setting) {
    switch (oci::info_of(setting.key).resource) {
    case oci::Resource::shm:
        plan.shm_size = setting;
        break;
    case oci::Resource::cgroup:
        plan.cgroup.push_back(setting);
        break;
    case oci::Resource::disk:
        (setting.key == Key::disk_size ? plan.disk_size : plan.disk_inodes) = setting;
        break;
    case oci::Resource::segment:
        break; // no single setting
    }
}

Result<void> add_key(Plan& plan, Key key, const oci::Request& request, const Allowance& allowance) {
    if (const auto& asked = request[key]) {
        TRY(check_allowed(*asked, allowance));
        TRY(check_maximum(*asked, allowance));
        add(plan, *asked);
    } else if (const auto& wish = allowance.default_for(key); wish && default_applies(key, request)) {
        add(plan, *wish);
    }
    return {};
}

// Who has the capability mounts the segment anew, in a user namespace of its own too.
Result<void> check_read_only(const oci::SegmentSetting& segment, bool sys_admin) {
    if (!segment.options.read_only || !sys_admin) {
        return {};
    }
    return segment.refuse(Code::not_allowed, "ro cannot be held against CAP_SYS_ADMIN, which may mount anew, in a user "
                                             "namespace as well; drop the capability, or leave ro out");
}

} // namespace

Result<Plan> decide(const oci::Request& request, const Config& config, const Facts& facts) {
    TRY_ASSIGN(const auto allowance, allowance_for(config, facts.engine, facts.ram));
    Plan plan;
    for (const auto& info : oci::annotation_keys) {
        TRY(add_key(plan, info.key, request, allowance));
    }
    if (const auto& most = allowance.max(Key::disk_inodes)) {
        plan.most_disk_inodes = Count{most->value};
    }
    for (const auto& segment : request.segments()) {
        TRY(check_allowed(segment, allowance));
    }
    TRY_ASSIGN(plan.segments, plan_segments(request, config.segments, allowance, facts.engine, facts.ram));
    for (const auto& segment : request.segments()) {
        TRY(check_read_only(segment, facts.sys_admin));
    }
    return plan;
}

} // namespace bulkhead::policy
