// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/engine_config.h"

#include "runtime/engines/config_text.h"

#include <algorithm>

namespace bulkhead::engines {

const Runtime* EngineConfig::runtime(std::string_view name) const {
    const auto found = std::ranges::find(runtimes, name, &Runtime::name);
    return found == runtimes.end() ? nullptr : std::to_address(found);
}

std::string main_config_of(Engine engine) {
    switch (engine) {
    case Engine::crio:
        return "/etc/crio/crio.conf";
    case Engine::containerd:
        return "/etc/containerd/config.toml";
    case Engine::podman:
        return "/etc/containers/containers.conf";
    case Engine::docker:
        return "/etc/docker/daemon.json";
    }
    return "";
}

EngineConfig read_engine_config(Engine engine, const std::string& main) {
    switch (engine) {
    case Engine::crio:
        return read_crio(main);
    case Engine::containerd:
        return read_containerd(main);
    case Engine::podman:
        return read_podman(main);
    case Engine::docker:
        return read_docker(main);
    }
    return {};
}

EngineConfig read_engine_config(Engine engine) { return read_engine_config(engine, main_config_of(engine)); }

} // namespace bulkhead::engines
