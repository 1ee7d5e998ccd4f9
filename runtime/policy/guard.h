// SPDX-License-Identifier: Apache-2.0
// Whom the shim's guard is put up for, and whom it holds. Pure.
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/confinement.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/config.h"
#include "runtime/policy/plan.h"

#include <optional>
#include <string>

namespace bulkhead::policy {

struct GuardQuestion {
    Guard mode = Guard::automatic;
    oci::Confinement confinement;
    bool there_is_one = true;      // the node's processor has a guard, and the shim is there to put it up
    bool restore = false;          // of a checkpoint
    bool disk_limit = false;       // the container has one
    bool pod_has_disk_key = false; // one of its containers may have one
    bool disk_default = false;     // the node config has one, for whomever
    // Of a joined pid namespace: whether the one that made it and all others in it run behind the guard. nullopt: that
    // is not known. And whether one of them does.
    std::optional<bool> pid_owner_guarded;
    bool beside_guarded = false;
};

// As far as the node config and config.json tell; the rest of it is for the caller to say.
[[nodiscard]] GuardQuestion guard_question(const Config& config, const oci::Spec& spec, oci::Confinement confinement);

struct GuardVerdict {
    bool put_up = false;
    // Why the container can take a disk limit off; nullopt: it cannot, or has none.
    std::optional<std::string> escapable;
};

// A container without a limit of its own is guarded as well where it could help one that has: the quota is on the file,
// the guard on the process, and a neighbour who is handed a directory can do what its owner cannot.
[[nodiscard]] GuardVerdict judge_guard(const GuardQuestion& question);

// Code::not_allowed where the node config requires that nobody can take a disk limit off, and that of `plan` could be:
// `escapable` says why.
[[nodiscard]] Result<void> check_guard(const Plan& plan, const DiskConfig& disk,
                                       const std::optional<std::string>& escapable);

} // namespace bulkhead::policy
