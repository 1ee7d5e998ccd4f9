// SPDX-License-Identifier: Apache-2.0
// Writing an engine's config: as a whole or not at all, and on disk when it returns.
#pragma once

#include "runtime/base/error.h"

#include <optional>
#include <string>

namespace bulkhead::engines {

// Whether what lies at `path` can be written by write_config(): a symlink is followed, and where it leads must be a
// regular file in a directory that is root's alone to write; so must the directory be that a new file goes into.
[[nodiscard]] Result<void> require_writable(const std::string& path);

// Puts `text` at `path`; nullopt removes it. A file that is there keeps owner, mode and SELinux label, a symlink stays
// and what it leads to is replaced. A new one is root's, mode 0644; its directory is made where it is missing, which is
// returned.
[[nodiscard]] Result<bool> write_config(const std::string& path, const std::optional<std::string>& text);

// Removes the directory of `path` where nothing is in it.
void remove_empty_directory_of(const std::string& path);

} // namespace bulkhead::engines
