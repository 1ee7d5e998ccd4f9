// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/runtimes.h"

#include "runtime/doctor/containerd_checks.h"
#include "runtime/doctor/program.h"
#include "runtime/doctor/words.h"

#include <algorithm>

namespace bulkhead::doctor {

namespace {

using engines::Engine;
using engines::EngineConfig;
using engines::Runtime;

bool is_the_shim(const std::string& path) {
    return engines::is_shim(path) || is_same_file(path, std::string(engines::shim_path));
}

// What a container of another runtime than the shim lacks.
std::string lack(Engine engine) {
    return has_hooks_d(engine) ? "have the hook alone: their disk limits can be taken off from inside"
                               : "have no walls";
}

std::string configure(Engine engine, std::string_view option = "") {
    return std::string("bulkhead configure ").append(name_of(engine)).append(option);
}

// Those that are there besides the default one, and have nothing of ours.
std::vector<std::string> others(const Node& node, const EngineConfig& config) {
    std::vector<std::string> names;
    for (const auto& runtime : config.runtimes) {
        if (runtime.name != default_runtime_of(config) && !is_ours(runtime) && !has_our_hooks(runtime, node.hook()) &&
            !program_of(runtime).empty()) {
            names.push_back(runtime.name);
        }
    }
    return names;
}

std::string described(const EngineConfig& config) {
    std::vector<std::string> words;
    for (const auto& runtime : config.runtimes) {
        const auto program = is_ours(runtime) ? runtime.paths.front() : program_of(runtime);
        if (!program.empty()) {
            words.push_back(runtime.name + " = " + program);
        }
    }
    return listed(words);
}

// The shim among a runtime's paths, behind one that is there.
const Runtime* with_shim_behind(const EngineConfig& config) {
    const auto found = std::ranges::find_if(config.runtimes, [](const Runtime& runtime) {
        return !is_ours(runtime) && std::ranges::any_of(runtime.paths, is_the_shim) &&
               !engines::is_shim(program_of(runtime));
    });
    return found == config.runtimes.end() ? nullptr : std::to_address(found);
}

Finding hook_alone(const Node& node, Engine engine) {
    return node.config().disk.guard == policy::Guard::require
               ? failed("no runtime is the shim, and disk.guard requires it: every disk limit is refused",
                        configure(engine))
               : warning("no runtime is the shim: containers have the hook alone: their disk limits can be taken off "
                         "from inside",
                         configure(engine));
}

// Where no runtime is the shim. docker has containerd installed, too: that one is nobody's without the kubelet.
Finding unwired(const Node& node, const PresentEngine& engine) {
    const bool hooked = std::ranges::any_of(
        engine.config.runtimes, [&](const Runtime& runtime) { return has_our_hooks(runtime, node.hook()); });
    if (has_hooks_d(engine.engine) || hooked) {
        return hook_alone(node, engine.engine);
    }
    const bool is_used = engine.daemon && (engine.engine == Engine::docker || node.kubernetes);
    const std::string reason = "no runtime is the shim: containers have no walls";
    if (engine.asked_for) {
        return failed(reason, configure(engine.engine));
    }
    return is_used ? warning(reason, configure(engine.engine))
                   : skipped(reason + "; " + configure(engine.engine) + " puts it there");
}

Finding judge_shim(const Node& node, const PresentEngine& engine) {
    if (const auto* const runtime = with_shim_behind(engine.config)) {
        return failed(program_of(*runtime) + " is tried before the shim as " + runtime->name,
                      "put the shim first, in " + runtime->file);
    }
    return shim_use(engine.config) == ShimUse::none ? unwired(node, engine) : well();
}

Finding judge_default(const PresentEngine& engine) {
    if (shim_use(engine.config) == ShimUse::by_default) {
        return well();
    }
    const auto name = default_runtime_of(engine.config);
    return warning("containers that ask for no other runtime get " + name + ", and " + lack(engine.engine),
                   configure(engine.engine, " --default"));
}

// Who chooses a runtime of podman's or docker's is root on the node.
bool is_for_pods(Engine engine) { return engine == Engine::containerd || engine == Engine::crio; }

// Behind a default one that is the shim a pod gets another by a RuntimeClass alone, which is the cluster's admin's to
// make; containerd does not even load without its "runc".
void check_others(Section& section, const Node& node, const PresentEngine& engine) {
    const auto names = others(node, engine.config);
    const auto looked = listed(names);
    if (names.empty() || !is_for_pods(engine.engine)) {
        section.add("other-runtimes", looked, well());
        return;
    }
    const auto lacking =
        looked + ": containers that ask for " + (names.size() > 1 ? "them " : "it ") + lack(engine.engine);
    if (shim_use(engine.config) == ShimUse::by_default) {
        section.add("other-runtimes", lacking, well());
    } else {
        section.add("other-runtimes", looked,
                    warning(lacking, "let no RuntimeClass name them, or put the shim in front of them, too"));
    }
}

} // namespace

bool is_ours(const Runtime& runtime) { return !runtime.paths.empty() && is_the_shim(runtime.paths.front()); }

std::string default_runtime_of(const EngineConfig& config) {
    if (!config.default_runtime.empty()) {
        return config.default_runtime;
    }
    const auto* const crun = config.runtime("crun");
    return crun != nullptr && (is_ours(*crun) || !program_of(*crun).empty()) ? "crun" : "runc";
}

ShimUse shim_use(const EngineConfig& config) {
    const auto name = default_runtime_of(config);
    const auto* const runtime = config.runtime(name);
    if (is_the_shim(name) || (runtime != nullptr && is_ours(*runtime))) {
        return ShimUse::by_default;
    }
    return std::ranges::any_of(config.runtimes, is_ours) ? ShimUse::some : ShimUse::none;
}

void check_runtimes(Section& section, const Node& node, const PresentEngine& engine) {
    const auto looked = described(engine.config);
    section.add("runtime", looked, judge_shim(node, engine));
    if (shim_use(engine.config) != ShimUse::none) {
        section.add("default-runtime", default_runtime_of(engine.config), judge_default(engine));
        check_others(section, node, engine);
    }
}

} // namespace bulkhead::doctor
