// SPDX-License-Identifier: Apache-2.0
// What reading and changing containerd's config have in common.
#pragma once

#include "runtime/engines/config_text.h"
#include "runtime/engines/toml.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::engines {

// The table of the CRI plugin that has the runtimes, and what is below it.
[[nodiscard]] TomlPath cri_section(int version);
[[nodiscard]] TomlPath cri_path(int version, std::initializer_list<std::string> below);

// Which version a config is written in: 1 where it does not say.
[[nodiscard]] int containerd_version(const Toml& main);

// The patterns of the files that `content`, which lies at `path`, imports; absolute.
[[nodiscard]] std::vector<std::string> imports_of(const Toml& content, const std::string& path);

// All that its config is made of, the main file first.
void read_containerd_files(TomlFiles& files, EngineConfig& config, const std::string& main);

// Our drop-in, where the main config, which is `content`, imports a directory of them and is one of containerd 2.
[[nodiscard]] std::optional<std::string> containerd_drop_in(const Toml& content, const std::string& main);

// How a file that is imported goes over the one that imports it.
[[nodiscard]] MergeRules containerd_rules(int version);

// Go's path.Match() and filepath.Match().
[[nodiscard]] bool matches_go_pattern(const std::string& pattern, const std::string& text);

} // namespace bulkhead::engines
