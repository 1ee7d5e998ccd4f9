// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/engine_checks.h"

#include "runtime/doctor/hooks_d.h"
#include "runtime/doctor/runtimes.h"
#include "runtime/doctor/storage.h"
#include "runtime/doctor/words.h"

namespace bulkhead::doctor {

namespace {

using engines::Engine;

Finding judge_files(const engines::EngineConfig& config) {
    if (config.problems.empty()) {
        return well();
    }
    const auto& problem = config.problems.front();
    return failed(problem.file + ": " + problem.reason, "mend the file: the engine reads it as well");
}

void check_config(Section& section, const engines::EngineConfig& config) {
    const auto looked = config.files.empty() ? "no " + engines::main_config_of(config.engine) : listed(config.files);
    section.add("config", looked, judge_files(config));
}

Finding not_installed(const PresentEngine& engine) {
    return engine.asked_for ? failed("is not installed", "install it, or leave it out") : skipped("is not installed");
}

} // namespace

void check_engine(Section& section, const Node& node, const PresentEngine& engine) {
    if (!engine.installed()) {
        section.add("engine", "/usr/bin, /usr/sbin, /usr/local/bin, /usr/local/sbin", not_installed(engine));
        return;
    }
    section.add("engine", engine.program, well());
    check_config(section, engine.config);
    if (!engine.config.problems.empty()) {
        return; // all else would be guessed
    }
    if (engine.engine == Engine::podman || engine.engine == Engine::crio) {
        check_hooks_d(section, node, engine.config, shim_use(engine.config));
    }
    check_runtimes(section, node, engine);
    if (engine.engine == Engine::podman || engine.engine == Engine::crio || shim_use(engine.config) != ShimUse::none) {
        check_storage(section, node, engine);
    }
}

} // namespace bulkhead::doctor
