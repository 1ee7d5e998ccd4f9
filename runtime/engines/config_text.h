// SPDX-License-Identifier: Apache-2.0
// The files that an engine's config is made of.
#pragma once

#include "runtime/base/error.h"
#include "runtime/engines/engine_config.h"
#include "runtime/engines/toml.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

inline constexpr std::size_t longest_config_text = 1UL << 20U;

// Symlinks are followed, as the engine follows them. nullopt where there is nothing. Code::bad_config where it is no
// regular file, or more than `longest_config_text`.
[[nodiscard]] Result<std::optional<std::string>> read_text(const std::string& path);

// The files in `directory` whose names `belongs` takes, as paths, in the order of their names; none where there is no
// such directory.
[[nodiscard]] Result<std::vector<std::string>> files_in(const std::string& directory,
                                                        const std::function<bool(const std::string& name)>& belongs);

struct TomlFile {
    std::string path;
    Toml content;
};

// Reads files into an EngineConfig, and keeps what is wrong with them there.
class TomlFiles {
public:
    explicit TomlFiles(EngineConfig& config) : config_(config) {}

    // Passed over where it is not there.
    void read(const std::string& path);
    void read_all_in(const std::string& directory, std::string_view suffix);

    [[nodiscard]] std::vector<TomlFile>& files() { return files_; }
    [[nodiscard]] const std::vector<TomlFile>& files() const { return files_; }
    // The same but for the file `path`.
    [[nodiscard]] TomlFiles without(const std::string& path) const;
    [[nodiscard]] Toml merged(const MergeRules& rules) const;
    // The last one that has something at `path`; empty where none has.
    [[nodiscard]] std::string last_with(const TomlPath& path) const;

private:
    EngineConfig& config_;
    std::vector<TomlFile> files_;
};

// By engine; `main` is the path of its main config.
[[nodiscard]] EngineConfig read_containerd(const std::string& main);
[[nodiscard]] EngineConfig read_crio(const std::string& main);
[[nodiscard]] EngineConfig read_docker(const std::string& main);
[[nodiscard]] EngineConfig read_podman(const std::string& main);

// storage.conf's graphroot, which podman and CRI-O share.
[[nodiscard]] std::string containers_storage();

// One that the engine has without being told of it.
Runtime& add_built_in(EngineConfig& config, const std::string& name, std::vector<std::string> paths);

// The runtimes that the table at `path` of a merged config has, by name; `fill_in` reads what the engine calls in its
// own way. They replace those built in.
void add_runtimes(EngineConfig& config, const Toml& merged, const TomlFiles& files, const TomlPath& path,
                  const std::function<void(Runtime& runtime, const Toml& table)>& fill_in);

} // namespace bulkhead::engines
