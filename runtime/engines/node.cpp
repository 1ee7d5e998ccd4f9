// SPDX-License-Identifier: Apache-2.0
// What plans are told of this machine.
#include "runtime/engines/config_text.h"
#include "runtime/engines/daemon.h"
#include "runtime/engines/plan.h"
#include "runtime/engines/program.h"
#include "runtime/shim/real_runtime.h"
#include "runtime/sys/file.h"

#include <algorithm>
#include <sys/stat.h>

namespace bulkhead::engines {

namespace {

std::string read_or_nothing(const std::string& path) {
    const auto text = read_text(path);
    return text && *text ? **text : "";
}

// One line of YAML is all that is asked.
std::string kubelet_cgroup_driver() {
    constexpr std::string_view key = "\ncgroupDriver:";
    const auto text = "\n" + read_or_nothing("/var/lib/kubelet/config.yaml");
    const auto at = text.find(key);
    if (at == std::string::npos) {
        return "";
    }
    auto value = text.substr(at + key.size(), text.find('\n', at + 1) - at - key.size());
    value = value.substr(0, value.find('#'));
    std::erase_if(value, [](char c) { return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == '\r'; });
    return value;
}

std::vector<std::string> foreign_containerds() {
    std::vector<std::string> found;
    for (const auto* const path :
         {"/var/lib/rancher/k3s/agent/etc/containerd", "/var/lib/rancher/rke2/agent/etc/containerd"}) {
        const auto status = sys::status_behind(sys::working_directory, path);
        if (status && S_ISDIR(status->mode)) {
            found.emplace_back(path);
        }
    }
    return found;
}

std::vector<Daemon> daemons_of(Engine engine) {
    std::vector<Daemon> daemons;
    if (engine == Engine::podman) {
        return daemons; // it has none
    }
    for (const auto& process : nodes_processes(program_name(engine))) {
        Daemon daemon{.pid = process.identity().pid,
                      .arguments = process.command_line().value_or(std::vector<std::string>())};
        // The one that dockerd starts for itself is nobody's to configure.
        const bool of_dockerd = std::ranges::any_of(daemon.arguments, [](const std::string& word) {
            return word.find("/docker/containerd/") != std::string::npos;
        });
        if (!daemon.arguments.empty() && !of_dockerd) {
            daemons.push_back(std::move(daemon));
        }
    }
    return daemons;
}

} // namespace

Node look_at_node(Engine engine, const std::vector<std::string>& runtimes) {
    Node node;
    node.program = program_at;
    node.becomes = [runtimes](std::string_view called_as) -> Result<std::string> {
        const auto shim = sys::status_behind(sys::working_directory, std::string(shim_path));
        // It need not be installed yet: then nothing is it.
        TRY_ASSIGN(auto real, shim::find_real_runtime(called_as, runtimes, nullptr, shim.value_or(sys::FileStatus())));
        return std::move(real.path);
    };
    node.has_engine = find_program(program_name(engine)).has_value();
    node.kubelet_cgroup_driver = kubelet_cgroup_driver();
    node.foreign_containerds = foreign_containerds();
    node.daemons = daemons_of(engine);
    return node;
}

} // namespace bulkhead::engines
