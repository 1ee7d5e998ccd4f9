// SPDX-License-Identifier: Apache-2.0
// What the checks look at together, read once.
#pragma once

#include "runtime/doctor/daemon.h"
#include "runtime/engines/engine_config.h"
#include "runtime/policy/config_file.h"

#include <string>
#include <vector>

namespace bulkhead::doctor {

struct Question {
    std::string config = "/etc/bulkhead/bulkhead.json";
    std::string state_dir = "/run/bulkhead";
    std::vector<engines::Engine> engines; // asked for by name; empty: those that are there
    bool run = false;                     // start a throw-away container with each
};

struct PresentEngine {
    engines::Engine engine = engines::Engine::podman;
    std::string program; // of the engine; empty: it is not where packages install it
    std::optional<Daemon> daemon;
    engines::EngineConfig config; // the one that the daemon was started with, if one runs
    bool asked_for = false;       // by name: then it is a failure where it has nothing of ours

    [[nodiscard]] bool installed() const { return !program.empty() || daemon; }
};

struct Node {
    Question question;
    policy::ConfigReading reading;
    std::vector<PresentEngine> engines; // that were asked for, there or not
    bool kubernetes = false;            // the kubelet runs

    [[nodiscard]] const policy::Config& config() const { return reading.config; }
    [[nodiscard]] const std::string& hook() const { return reading.config.runtime.hook; }
    // The programs that the engines' configs call, and that are the shim: each once.
    [[nodiscard]] std::vector<std::string> shims() const;
};

[[nodiscard]] Node look_at_node(const Question& question);

// The program that `runtime` comes to: the first of its paths that is there, or the one that its engine finds by name.
// Empty: none.
[[nodiscard]] std::string program_of(const engines::Runtime& runtime);

} // namespace bulkhead::doctor
