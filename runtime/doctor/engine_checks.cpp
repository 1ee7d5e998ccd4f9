// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/engine_checks.h"

#include "runtime/base/quantity.h"
#include "runtime/doctor/containerd_checks.h"
#include "runtime/doctor/daemon.h"
#include "runtime/doctor/hooks_d.h"
#include "runtime/doctor/runtimes.h"
#include "runtime/doctor/storage.h"
#include "runtime/doctor/trial.h"
#include "runtime/doctor/words.h"
#include "runtime/sys/process.h"

#include <algorithm>
#include <optional>

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

// "Docker version 20.10.24+dfsg1, build 297e128": 20
std::optional<std::uint64_t> version_in(std::string_view text) {
    text.remove_prefix(std::min(text.size(), text.find_first_of("0123456789")));
    const auto number = parse_unsigned(text.substr(0, text.find('.')));
    return number ? std::optional(*number) : std::nullopt;
}

// Whether something of ours is in the engine's way to a container.
bool is_wired(const Node& node, const engines::EngineConfig& config) {
    return has_hooks_d(config.engine) || shim_use(config) != ShimUse::none ||
           std::ranges::any_of(config.runtimes,
                               [&](const engines::Runtime& runtime) { return has_our_hooks(runtime, node.hook()); });
}

// Without it no handler is ever read. (docker and ctr do without.)
Finding judge_cri(const PresentEngine& engine) {
    if (!engine.config.cri_disabled) {
        return well();
    }
    const auto reason = "the CRI plugin is switched off: no pod is started by it";
    return engine.asked_for ? failed(reason, "take it out of disabled_plugins in " + engine.config.files.front())
                            : skipped(reason);
}

// Before 25 its containers have no annotations, so that nobody can ask.
void check_docker_annotations(Section& section, const Node& node, const PresentEngine& engine) {
    constexpr unsigned first_with_annotations = 25;
    const auto said = engine.program.empty()
                          ? fail(Code::unsupported, "its program is not known")
                          : sys::run_program({engine.program, "--version"}, std::chrono::seconds(10));
    const auto version = said ? version_in(said->output) : std::nullopt;
    if (!version) {
        section.add("annotations", engine.program, skipped("its version is not known"));
        return;
    }
    const auto looked = "docker " + std::to_string(*version);
    if (*version >= first_with_annotations || node.config().has_defaults()) {
        section.add("annotations", looked, well());
        return;
    }
    section.add("annotations", looked,
                warning("docker before 25 has no annotations, and the node config has no defaults: no container gets a "
                        "wall",
                        "write defaults into " + node.question.config));
}

// CRI-O hands on every annotation that is not its own. Of its own there is one for the same thing.
Finding judge_crio_annotations(const engines::EngineConfig& config) {
    for (const auto& runtime : config.runtimes) {
        for (const auto& allowed : runtime.allowed_annotations) {
            if (allowed == "io.kubernetes.cri-o.ShmSize" || allowed == "shm-size.crio.io") {
                return warning("the handler " + runtime.name + " lets pods set the size of /dev/shm by " + allowed +
                                   ", which has no maximum",
                               "take it out of allowed_annotations in " + runtime.file);
            }
        }
    }
    return well();
}

void check_wiring(Section& section, const Node& node, const PresentEngine& engine) {
    const auto& config = engine.config;
    if (engine.engine != Engine::podman) {
        check_daemon(section, config, engine.daemon);
    }
    if (has_hooks_d(engine.engine)) {
        // All of them are served.
        section.add("cgroup-driver", config.cgroup_manager.empty() ? "the engine's default" : config.cgroup_manager,
                    well());
        check_hooks_d(section, node, engine);
    }
    check_runtimes(section, node, engine);
    if (!is_wired(node, config)) {
        return;
    }
    if (engine.engine == Engine::containerd) {
        check_containerd(section, node, config);
    }
    if (engine.engine == Engine::crio) {
        section.add("annotations", listed(config.files), judge_crio_annotations(config));
    }
    if (engine.engine == Engine::docker) {
        check_docker_annotations(section, node, engine);
    }
    check_storage(section, node, engine);
    if (node.question.run) {
        run_trial(section, node, engine);
    }
}

} // namespace

void check_engine(Section& section, const Node& node, const PresentEngine& engine) {
    const auto& config = engine.config;
    if (!engine.installed()) {
        section.add("engine", "/usr/bin, /usr/sbin, /usr/local/bin, /usr/local/sbin", not_installed(engine));
        return;
    }
    section.add("engine", engine.program.empty() ? "its daemon, which runs" : engine.program, well());
    check_config(section, config);
    if (!config.problems.empty()) {
        return; // all else would be guessed
    }
    if (engine.engine == Engine::containerd) {
        section.add("cri", listed(config.files), judge_cri(engine));
    }
    if (!config.cri_disabled) {
        check_wiring(section, node, engine);
    }
}

} // namespace bulkhead::doctor
