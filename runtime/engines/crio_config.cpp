// SPDX-License-Identifier: Apache-2.0
// crio.conf(5): the main file, then every file of its drop-in directory. A table of a handler replaces the one that was
// there as a whole.
#include "runtime/engines/crio_config.h"

namespace bulkhead::engines {

TomlPath crio_handlers() { return {"crio", "runtime", "runtimes"}; }

MergeRules crio_rules() { return {.append_arrays = false, .whole = crio_handlers()}; }

void read_crio_files(TomlFiles& files, const std::string& main) {
    files.read(main);
    files.read_all_in(main + ".d", "");
}

EngineConfig read_crio(const std::string& main) {
    EngineConfig config;
    config.engine = Engine::crio;
    TomlFiles files(config);
    read_crio_files(files, main);
    const auto merged = files.merged(crio_rules());
    add_runtimes(config, merged, files, crio_handlers(), [](Runtime& runtime, const Toml& table) {
        runtime.type = table.string_at({"runtime_type"});
        runtime.allowed_annotations = table.strings_at({"allowed_annotations"});
        if (auto program = table.string_at({"runtime_path"}); !program.empty()) {
            runtime.paths.push_back(std::move(program));
        }
    });
    config.default_runtime = merged.string_at({"crio", "runtime", "default_runtime"});
    config.hooks_dirs = merged.strings_at({"crio", "runtime", "hooks_dir"});
    if (config.hooks_dirs.empty()) {
        config.hooks_dirs = {"/usr/share/containers/oci/hooks.d"};
    }
    config.cgroup_manager = merged.string_at({"crio", "runtime", "cgroup_manager"});
    config.storage = merged.string_at({"crio", "root"});
    if (config.storage.empty()) {
        config.storage = containers_storage();
    }
    return config;
}

} // namespace bulkhead::engines
