// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <string>
#include <string_view>

namespace bulkhead::shim {

// Puts `text` in place of the file `path`, a bundle's config.json, as a whole or not at all: owner, mode and SELinux
// label stay. Not synced: engines write the file anew at each start. Two at once do it one after the other.
// A symlink, or what else is no regular file, is not replaced: Code::malformed_input.
[[nodiscard]] Result<void> replace_config(const std::string& path, std::string_view text);

} // namespace bulkhead::shim
