// SPDX-License-Identifier: Apache-2.0
// Who a container is to its engine. For people to read: nothing is decided by it.
#pragma once

#include "runtime/oci/engine.h"

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::inventory {

struct Identity {
    std::string engine; // "podman", "docker", "containerd", "cri-o"; empty where its bundle does not tell
    // Its Kubernetes names, where it has any.
    std::optional<std::string> kubernetes_namespace = std::nullopt;
    std::optional<std::string> pod = std::nullopt;
    std::optional<std::string> name = std::nullopt;
};

// By where the bundle lies and what its config.json says, which may be gone, or malformed: then less is known.
[[nodiscard]] Identity identify(const std::string& id, const std::string& bundle);

// Which engine made a bundle of that path.
[[nodiscard]] std::string engine_of(std::string_view bundle, oci::Family family);

} // namespace bulkhead::inventory
