// SPDX-License-Identifier: Apache-2.0
// What was done to one container, written before it is done: enough to undo it when the container, its bundle, its
// mounts and its cgroup are gone.
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/spec.h"
#include "runtime/resources/cgroup.h"
#include "runtime/resources/shm.h"
#include "runtime/sys/procfs.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::ledger {

struct Receipt {
    std::string id;
    std::string bundle;
    sys::ProcessIdentity process; // the container's first process
    std::string boot_id;          // a start time means something within one boot only
    std::vector<oci::Annotation> asked;
    std::optional<resources::ShmRecord> shm;
    std::vector<resources::CgroupWrite> cgroup;
};

[[nodiscard]] std::string to_json(const Receipt& receipt);
// Code::internal for what to_json() did not write.
[[nodiscard]] Result<Receipt> from_json(std::string_view text);

// Whether the container of the receipt still runs: its first process does, in this boot.
[[nodiscard]] Result<bool> is_alive(const Receipt& receipt);

// Gives back everything the receipt names. May be called again and again; stops at the first thing that cannot be
// undone now.
[[nodiscard]] Result<void> release(const Receipt& receipt);

} // namespace bulkhead::ledger
