// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/inventory/use.h"
#include "runtime/sys/procfs.h"

#include <optional>

namespace bulkhead::inventory {

// Of what the process has on /dev/shm, reached through its root directory without following a symlink. nullopt: there
// is no tmpfs mounted there. Of one that may mount (CAP_SYS_ADMIN, or a user namespace of its own), as the host has it
// mounted; the caller is in the host's mount namespace. Code::unsupported: it is, or may be, behind a file system that
// never answers.
[[nodiscard]] Result<std::optional<ShmUse>> shm_use(const sys::Process& process);

} // namespace bulkhead::inventory
