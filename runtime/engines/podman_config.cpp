// SPDX-License-Identifier: Apache-2.0
// containers.conf(5), of root's podman: the one of the distribution, the one in /etc, the drop-ins beside that. A list
// of a runtime's paths replaces the one that was there.
#include "runtime/engines/podman_config.h"

#include "runtime/engines/config_text.h"

namespace bulkhead::engines {

std::vector<std::string> built_in_paths(std::string_view runtime) {
    std::vector<std::string> paths;
    // In the order of containers/common 0.50.
    for (const auto* const place :
         {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/", "/sbin/", "/bin/"}) {
        paths.push_back(std::string(place).append(runtime));
    }
    if (runtime == "runc") {
        paths.emplace_back("/usr/lib/cri-o-runc/sbin/runc");
    }
    paths.push_back(std::string("/run/current-system/sw/bin/").append(runtime));
    return paths;
}

void read_podman_files(TomlFiles& files, const std::string& main) {
    files.read("/usr/share/containers/containers.conf");
    files.read(main);
    files.read_all_in(main + ".d", ".conf");
}

EngineConfig read_podman(const std::string& main) {
    EngineConfig config;
    config.engine = Engine::podman;
    TomlFiles files(config);
    read_podman_files(files, main);
    const auto merged = files.merged({});
    for (const auto* const name : {"crun", "runc"}) {
        add_built_in(config, name, built_in_paths(name));
    }
    add_runtimes(config, merged, files, {"engine", "runtimes"},
                 [](Runtime& runtime, const Toml& paths) { runtime.paths = paths.strings_at({}); });
    config.default_runtime = merged.string_at({"engine", "runtime"});
    config.hooks_dirs = merged.strings_at({"engine", "hooks_dir"});
    if (config.hooks_dirs.empty()) {
        config.hooks_dirs = {"/usr/share/containers/oci/hooks.d"};
    }
    config.cgroup_manager = merged.string_at({"engine", "cgroup_manager"});
    config.storage = containers_storage();
    return config;
}

} // namespace bulkhead::engines
