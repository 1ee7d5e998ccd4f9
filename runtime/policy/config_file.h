// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/policy/config.h"

#include <string>

namespace bulkhead::policy {

// Reads the node config at `path`; defaults where there is none. It is the word of whoever is root on the node, so it
// must be a regular file that is root's and that nobody else can write to, and so must every directory above it.
// Code::bad_config, with the path. Drop-ins in PATH.d are not read by this version: where there is one, an error.
[[nodiscard]] Result<Config> read_config(const std::string& path);

} // namespace bulkhead::policy
