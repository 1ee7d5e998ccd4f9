// SPDX-License-Identifier: Apache-2.0
// How config.json confines a container, as far as it decides what a process in it can do to the disk that it lies on.
#pragma once

#include "runtime/base/error.h"

#include <string>
#include <string_view>

namespace bulkhead::oci {

enum class PidNamespace { host, own, joined };

struct Confinement {
    // It is in one of its own, or in one that it joins: never the node's, which no process can join (setns(2): EINVAL).
    bool user_namespace = false;
    // Somebody in it may be a system user or group of the node's, such as those that own its disks.
    bool maps_system_ids = false;
    PidNamespace pid = PidNamespace::host;
    std::string pid_path; // of a joined one
    // The pid namespace that it joins is of a process whose user namespace it joins as well: a pod's.
    bool pid_owner_in_user_namespace = false;
    // Of its bounding set the first capability with which a seccomp filter on it holds nothing: "CAP_SYS_ADMIN". Empty:
    // none. What is inheritable or ambient is in the bounding set too: capset(2) takes nothing else.
    std::string unbounded_by;
    // CAP_SYS_RESOURCE is in its bounding set, and it in no user namespace: not all file systems hold it to a quota.
    bool may_exceed_quotas = false;
    // A device rule lets it write to a block device: any one may be the disk, or what the disk is a part of.
    bool may_write_block_device = false;
};

// Code::malformed_input. As the runtimes read it: without capabilities there are none, without device rules all devices
// are allowed.
[[nodiscard]] Result<Confinement> read_confinement(std::string_view config);

} // namespace bulkhead::oci
