// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/node.h"

#include "runtime/doctor/program.h"
#include "runtime/engines/daemon.h"
#include "runtime/engines/program.h"

#include <algorithm>

namespace bulkhead::doctor {

namespace {

PresentEngine look_at(engines::Engine engine, bool asked_for) {
    PresentEngine present;
    present.engine = engine;
    present.program = engines::find_program(engines::program_name(engine)).value_or("");
    present.asked_for = asked_for;
    present.daemon = find_daemon(engine);
    if (present.installed()) {
        const bool elsewhere = present.daemon && !present.daemon->config.empty();
        present.config =
            engines::read_engine_config(engine, elsewhere ? present.daemon->config : engines::main_config_of(engine));
    }
    return present;
}

} // namespace

std::vector<std::string> Node::shims() const {
    std::vector<std::string> paths;
    for (const auto& engine : engines) {
        for (const auto& runtime : engine.config.runtimes) {
            std::ranges::copy_if(runtime.paths, std::back_inserter(paths), engines::is_shim);
        }
    }
    std::ranges::sort(paths);
    const auto rest = std::ranges::unique(paths);
    paths.erase(rest.begin(), rest.end());
    return paths;
}

Node look_at_node(const Question& question) {
    Node node;
    node.question = question;
    node.kubernetes = runs("kubelet");
    node.reading = policy::read_config(question.config, policy::Untrusted::read_on);
    for (const auto engine : engines::all_engines) {
        const bool asked_for = std::ranges::find(question.engines, engine) != question.engines.end();
        if (asked_for || question.engines.empty()) {
            node.engines.push_back(look_at(engine, asked_for));
        }
    }
    return node;
}

std::string program_of(const engines::Runtime& runtime) {
    if (runtime.paths.empty()) {
        // containerd's shim of runc runs runc, whatever the handler is called.
        const bool is_runc = runtime.type.starts_with("io.containerd.runc.");
        return engines::find_program(is_runc ? "runc" : runtime.name).value_or("");
    }
    const auto found = std::ranges::find_if(runtime.paths, exists);
    return found == runtime.paths.end() ? "" : *found;
}

} // namespace bulkhead::doctor
