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

// Whether the directory of `path` is missing: write_config() makes it then.
[[nodiscard]] bool lacks_directory(const std::string& path);

// Puts `text` at `path`; nullopt removes it. A file that is there keeps owner, mode and SELinux label, a symlink stays
// and what it leads to is replaced. A new one is root's, mode 0644.
[[nodiscard]] Result<void> write_config(const std::string& path, const std::optional<std::string>& text);

// Removes what a write_config() that was killed left beside what is at `path`.
void remove_leftover_of(const std::string& path);

// Removes the directory of `path` where nothing is in it.
void remove_empty_directory_of(const std::string& path);

} // namespace bulkhead::engines
