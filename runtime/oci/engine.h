// SPDX-License-Identifier: Apache-2.0
// What the engine says of a container in annotations of its own, and which of those can be believed. A pod's
// annotations are its tenant's words; on the same container the engine writes keys that it overwrites whatever the
// tenant wrote, and only those are in the table here.
//   CRI-O:      internal/factory/container (SetSpecAnnotations), pkg/annotations
//   containerd: internal/cri/annotations, internal/cri/server/container_create.go
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/spec.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::oci {

enum class Family {
    none, // podman, docker, a person with a bundle: who writes annotations there is root on the node
    crio,
    containerd, // its CRI plugin
};

struct Engine {
    Family family = Family::none;
    bool sandbox = false; // the pod's pause container: no walls of its own
    // What "/CONTAINER" in a key is compared with; nullopt where the engine should say it and does not.
    std::optional<std::string> container_name;
    // The pod's, in Kubernetes; nullopt elsewhere, and where the engine should say it and does not.
    std::optional<std::string> kubernetes_namespace;
};

// A DNS label: 1 to 63 of a-z, 0-9 and "-", the first and the last a letter or a digit.
[[nodiscard]] bool is_namespace_name(std::string_view name);

// Whether `key` is one of those that tell engines apart.
[[nodiscard]] bool is_engine_key(std::string_view key);

// Keys of both families in one bundle are Code::not_allowed: each engine always writes its own, so one of them is a
// tenant's. `id` is the container's name outside Kubernetes. podman's pods have CRI-O's ContainerType and SandboxID as
// well, but no SandboxName: they are Family::none.
//
// podman before 4.5.1 copies an image's annotations into config.json, so there they may be the image's. Its bundles are
// where CRI-O's are, below containers/storage; the keys of such a bundle are believed only where
// io.kubernetes.cri-o.ContainerID is the container's id, which CRI-O writes and no image knows.
[[nodiscard]] Result<Engine> identify_engine(const std::vector<Annotation>& annotations, std::string_view id,
                                             std::string_view bundle);

} // namespace bulkhead::oci
