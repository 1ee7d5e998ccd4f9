// SPDX-License-Identifier: Apache-2.0
// What an engine's own config says of the runtimes it has, read as the engine reads it: which files, in which order,
// how one goes over the other. Nothing is asked of the engine, which need not run. What it was started with on its
// command line is not seen.
#pragma once

#include "runtime/engines/engine.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// A runtime of docker's and podman's, a runtime handler of containerd's CRI plugin and CRI-O's.
struct Runtime {
    std::string name;
    // The programs that are tried, the first one that exists is run. Empty: the engine looks for `name` in its PATH
    // (for "runc" where it is containerd).
    std::vector<std::string> paths;
    std::string type; // containerd's and CRI-O's runtime_type; empty where the config does not say
    // containerd: the patterns of annotations that it hands on to config.json (see lets_through). The other engines
    // hand on all of them.
    std::vector<std::string> pod_annotations;
    std::vector<std::string> container_annotations;
    std::vector<std::string>
        allowed_annotations;            // CRI-O: of its own ones, those that do something (by their beginning)
    std::string base_spec;              // containerd's base_runtime_spec: a file; empty: none
    std::optional<bool> systemd_cgroup; // containerd's options.SystemdCgroup; nullopt: the config does not say (false)
    std::string file;                   // the last one that speaks of it; empty: it is built into the engine
};

struct FileProblem {
    std::string file;
    std::string reason;
};

struct EngineConfig {
    Engine engine = Engine::podman;
    std::vector<std::string> files;    // that were read, in their order
    std::vector<FileProblem> problems; // what cannot be read, or not be understood: the rest may be incomplete

    std::vector<Runtime> runtimes; // sorted by name
    // The name of the one that a container gets that asks for none; of podman it may be a path. Where the config does
    // not say, the engine's own: "runc" of containerd and docker; empty of podman (crun where it has it) and of CRI-O
    // (crun from 1.31 on, before that runc).
    std::string default_runtime;

    // Podman and CRI-O: the directories with hooks, in their order.
    std::vector<std::string> hooks_dirs;
    // Podman and CRI-O: "systemd", "cgroupfs", or empty where the config does not say.
    std::string cgroup_manager;
    // Below which its layers lie.
    std::string storage;
    // containerd: below which the bundles of running containers lie.
    std::string state;
    // containerd: what its main config says; 0 where there is none.
    int version = 0;
    // containerd: it is switched off that reads the handlers (disabled_plugins).
    bool cri_disabled = false;

    [[nodiscard]] const Runtime* runtime(std::string_view name) const; // nullptr where there is none
};

// Where the config of an engine lies: the main file, which need not be there.
[[nodiscard]] std::string main_config_of(Engine engine);

// Reads the config of `engine`, from `main` and what lies beside it. `main` is absolute.
[[nodiscard]] EngineConfig read_engine_config(Engine engine, const std::string& main);
[[nodiscard]] EngineConfig read_engine_config(Engine engine);

// Whether a list of containerd's patterns hands an annotation on: Go's path.Match(), in which "*" stops at "/".
[[nodiscard]] bool lets_through(const std::vector<std::string>& patterns, const std::string& key);

} // namespace bulkhead::engines
