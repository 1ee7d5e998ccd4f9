// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/plan.h"

namespace bulkhead::policy {

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

} // namespace bulkhead::policy
