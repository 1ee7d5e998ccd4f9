// SPDX-License-Identifier: Apache-2.0
// What plans are told of this machine.
#include "runtime/engines/config_text.h"
#include "runtime/engines/plan.h"
#include "runtime/shim/real_runtime.h"
#include "runtime/sys/file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <sys/stat.h>

namespace bulkhead::engines {

namespace {

std::optional<std::pair<dev_t, ino_t>> program_at(const std::string& path) {
    const auto status = sys::status_behind(sys::working_directory, path);
    return status && S_ISREG(status->mode) && sys::may_execute(path)
               ? std::optional(std::pair(status->device, status->inode))
               : std::nullopt;
}

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

std::string_view daemon_of(Engine engine) {
    switch (engine) {
    case Engine::crio:
        return "crio";
    case Engine::containerd:
        return "containerd";
    case Engine::docker:
        return "dockerd";
    case Engine::podman:
        break; // it has none
    }
    return "";
}

bool is_installed(Engine engine) {
    const auto name = engine == Engine::podman ? "podman" : daemon_of(engine);
    return std::ranges::any_of(
        std::array{"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/"},
        [&](const char* place) { return program_at(std::string(place).append(name)).has_value(); });
}

std::vector<std::string> words_of(const std::string& command_line) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < command_line.size();) {
        words.emplace_back(command_line.c_str() + at);
        at += words.back().size() + 1;
    }
    return words;
}

// Of those in a container (a node of "kind", for one) the config is another machine's.
bool is_in_a_container(const std::string& process) {
    const auto own = sys::status_behind(sys::working_directory, "/proc/1/ns/pid");
    const auto its = sys::status_behind(sys::working_directory, process + "/ns/pid");
    return !own || !its || own->inode != its->inode;
}

std::vector<Daemon> daemons_of(Engine engine) {
    const auto name = daemon_of(engine);
    const auto is_number = [](const std::string& entry) {
        return entry.find_first_not_of("0123456789") == std::string::npos;
    };
    const auto processes = name.empty() ? Result<std::vector<std::string>>() : files_in("/proc", is_number);
    std::vector<Daemon> daemons;
    for (const auto& process : processes ? *processes : std::vector<std::string>()) {
        if (read_or_nothing(process + "/comm") != std::string(name) + "\n" || is_in_a_container(process)) {
            continue;
        }
        Daemon daemon{.pid = 0, .arguments = words_of(read_or_nothing(process + "/cmdline"))};
        const auto number = process.substr(process.rfind('/') + 1);
        std::from_chars(number.data(), number.data() + number.size(), daemon.pid);
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
    node.has_engine = is_installed(engine);
    node.kubelet_cgroup_driver = kubelet_cgroup_driver();
    node.foreign_containerds = foreign_containerds();
    node.daemons = daemons_of(engine);
    return node;
}

} // namespace bulkhead::engines
