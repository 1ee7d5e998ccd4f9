// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/oci/engine_words.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/outlook.h"
#include "runtime/shim/spec_edit.h"
#include "runtime/sys/cgroup.h"

namespace bulkhead::shim {

// What config.json and the node are like.
struct EditGround {
    const oci::EngineWords& words; // what the engine wants
    const oci::Spec& spec;
    sys::CgroupVersion cgroups = sys::CgroupVersion::v2;
};

// What of a plan the runtime itself can do, and will keep through systemd's reloads and the engine's updates: the
// cgroup's limits that are tighter than the engine's, and the size of a /dev/shm that the runtime mounts. All else is
// createRuntime's, which also sees to it that these are in force. Pure.
[[nodiscard]] SpecEdit limits_edit(const policy::Outlook& outlook, const EditGround& ground);

} // namespace bulkhead::shim
