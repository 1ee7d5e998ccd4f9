// SPDX-License-Identifier: Apache-2.0
// config.toml of containerd, as containerd-config.toml(5) and its sources (1.6 to 2.3) read it. What of it is the CRI
// plugin's has one name up to version 2 and another from version 3 on, which came with containerd 2.0.
#include "runtime/engines/containerd_config.h"

#include <algorithm>
#include <filesystem>
#include <fnmatch.h>

namespace bulkhead::engines {

TomlPath cri_section(int version) {
    return {"plugins", version >= 3 ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri"};
}

TomlPath cri_path(int version, std::initializer_list<std::string> below) {
    auto path = cri_section(version);
    path.insert(path.end(), below);
    return path;
}

int containerd_version(const Toml& main) {
    const auto* const version = main.member("version");
    const bool is_number = version != nullptr && version->kind == Toml::Kind::integer;
    return is_number ? static_cast<int>(std::clamp<std::int64_t>(version->integer, 0, 1000)) : 1;
}

std::vector<std::string> imports_of(const Toml& content, const std::string& path) {
    auto patterns = content.strings_at({"imports"});
    for (auto& pattern : patterns) {
        if (!pattern.starts_with('/')) {
            pattern.insert(0, path.substr(0, path.rfind('/') + 1));
        }
        pattern = std::filesystem::path(pattern).lexically_normal().string();
    }
    return patterns;
}

bool matches_go_pattern(const std::string& pattern, const std::string& text) {
    return ::fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME) == 0;
}

bool lets_through(const std::vector<std::string>& patterns, const std::string& key) {
    return std::ranges::any_of(patterns, [&](const std::string& pattern) { return matches_go_pattern(pattern, key); });
}

namespace {

// A file, then those that it imports, each once. Patterns have their stars in the last part of the path.
class Imports {
public:
    explicit Imports(TomlFiles& files, EngineConfig& config) : files_(files), config_(config) {}

    void read(const std::string& path) {
        std::vector<std::string> pending{path};
        while (!pending.empty()) {
            const auto next = pending.front();
            pending.erase(pending.begin());
            if (std::ranges::find(config_.files, next) != config_.files.end()) {
                continue;
            }
            const auto before = files_.files().size();
            files_.read(next);
            if (files_.files().size() > before) {
                for (const auto& pattern : imports_of(files_.files().back().content, next)) {
                    std::ranges::move(paths_of(pattern), std::back_inserter(pending));
                }
            }
        }
    }

private:
    [[nodiscard]] std::vector<std::string> paths_of(const std::string& pattern) const {
        if (pattern.find('*') == std::string::npos) {
            return {pattern};
        }
        const auto slash = pattern.rfind('/');
        const auto name_pattern = pattern.substr(slash + 1);
        const auto paths = files_in(pattern.substr(0, slash),
                                    [&](const std::string& name) { return matches_go_pattern(name_pattern, name); });
        if (!paths) {
            config_.problems.push_back({.file = pattern, .reason = paths.error().what});
            return {};
        }
        return *paths;
    }

    TomlFiles& files_;
    EngineConfig& config_;
};

void fill_in(Runtime& runtime, const Toml& table) {
    runtime.type = table.string_at({"runtime_type"});
    runtime.pod_annotations = table.strings_at({"pod_annotations"});
    runtime.container_annotations = table.strings_at({"container_annotations"});
    runtime.base_spec = table.string_at({"base_runtime_spec"});
    if (auto program = table.string_at({"options", "BinaryName"}); !program.empty()) {
        runtime.paths.push_back(std::move(program));
    }
    const TomlPath systemd{"options", "SystemdCgroup"};
    if (const auto* const value = table.find(systemd); value != nullptr && value->kind == Toml::Kind::boolean) {
        runtime.systemd_cgroup = value->boolean;
    }
}

bool disables_cri(const Toml& merged, int version) {
    const auto disabled = merged.strings_at({"disabled_plugins"});
    return std::ranges::any_of(disabled, [&](const std::string& plugin) {
        return plugin == "io.containerd.grpc.v1.cri" || (version >= 3 && plugin == "io.containerd.cri.v1.runtime") ||
               (version < 2 && plugin == "cri");
    });
}

} // namespace

MergeRules containerd_rules(int version) {
    // Before 2.0 a file that is imported has the whole section of a plugin.
    return version >= 3 ? MergeRules{.append_arrays = true, .whole = {}}
                        : MergeRules{.append_arrays = true, .whole = {"plugins"}};
}

void read_containerd_files(TomlFiles& files, EngineConfig& config, const std::string& main) {
    Imports(files, config).read(main);
}

std::optional<std::string> containerd_drop_in(const Toml& content, const std::string& main) {
    for (const auto& pattern : imports_of(content, main)) {
        if (containerd_version(content) >= 3 && pattern.ends_with("/*.toml")) {
            return pattern.substr(0, pattern.rfind('/') + 1) + "50-bulkhead.toml";
        }
    }
    return std::nullopt;
}

EngineConfig read_containerd(const std::string& main) {
    EngineConfig config;
    config.engine = Engine::containerd;
    TomlFiles files(config);
    read_containerd_files(files, config, main);
    config.version = files.files().empty() ? 0 : containerd_version(files.files().front().content);
    const auto merged = files.merged(containerd_rules(config.version));
    const int version = std::max(config.version, 2);
    // Up to 2.0 a config that names runtimes has those alone.
    const auto table = cri_path(version, {"containerd", "runtimes"});
    if (merged.find(table) == nullptr || version >= 3) {
        add_built_in(config, "runc", {}).type = "io.containerd.runc.v2";
    }
    add_runtimes(config, merged, files, table, fill_in);
    config.default_runtime = merged.string_at(cri_path(version, {"containerd", "default_runtime_name"}));
    if (config.default_runtime.empty()) {
        config.default_runtime = "runc";
    }
    config.storage = merged.string_at({"root"});
    if (config.storage.empty()) {
        config.storage = "/var/lib/containerd";
    }
    config.state = merged.string_at({"state"});
    if (config.state.empty()) {
        config.state = "/run/containerd";
    }
    config.cri_disabled = disables_cri(merged, config.version);
    return config;
}

} // namespace bulkhead::engines
