// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/engine.h"

#include <algorithm>

namespace bulkhead::engines {

std::string_view name_of(Engine engine) {
    switch (engine) {
    case Engine::crio:
        return "crio";
    case Engine::containerd:
        return "containerd";
    case Engine::podman:
        return "podman";
    case Engine::docker:
        return "docker";
    }
    return "";
}

std::optional<Engine> engine_of(std::string_view name) {
    const auto found = std::ranges::find(all_engines, name, name_of);
    return found == all_engines.end() ? std::nullopt : std::optional(*found);
}

bool is_shim(std::string_view program) {
    const auto slash = program.rfind('/');
    return program == shim_path || (slash != std::string_view::npos && program.substr(0, slash) == shim_directory);
}

} // namespace bulkhead::engines
