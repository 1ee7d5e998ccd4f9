// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/oci/engine.h"
#include "runtime/oci/spec.h"
#include "runtime/sys/procfs.h"

#include <string>

namespace bulkhead::resources {

// The container that limits are put on: its first process, stopped by the runtime until our stage is over, and what its
// bundle and its engine say. Borrowed for the length of a call.
struct Container {
    const std::string& id;
    const sys::Process& process;
    const oci::Spec& spec;
    const oci::Engine& engine;
};

} // namespace bulkhead::resources
