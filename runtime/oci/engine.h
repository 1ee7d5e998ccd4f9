// SPDX-License-Identifier: Apache-2.0
// What the engine says of a container in annotations of its own, and which of those can be believed. A pod's
// annotations are its tenant's words, and on each engine they reach config.json next to the engine's. Read in the
// sources of CRI-O 1.24 to 1.37 and containerd 1.6 to 2.3:
//
//   containerd, workloads and sandboxes: what pod_annotations lets through first, then its own keys
//     (buildLinuxSpec or containerSpec, sandboxContainerSpec; DefaultCRIAnnotations). All of them are true.
//   CRI-O, workloads: the pod's annotations, then its own keys, then the container's annotations and labels
//     (SpecAddAnnotations). Those are the kubelet's; but of a container that is restored from a checkpoint image the
//     annotations are the image's (CRImportCheckpoint), and only Name, SandboxName and SandboxID are written again
//     after them (ContainerRestore, 1.26). And a CRI-O that was started anew takes SandboxName from the annotations
//     of the sandbox (LoadSandbox), where it is the tenant's to write.
//   CRI-O, sandboxes: its own keys, then the pod's annotations and labels, then MountPoint, HostnamePath and
//     SeccompProfilePath (runPodSandbox). So a sandbox can say that it is a workload of another namespace.
//
// So of CRI-O are believed
//   Name          of a workload: k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT, where io.kubernetes.container.name and
//                 io.kubernetes.pod.namespace agree. Those are the labels, written last: the kubelet's, but until 1.27
//                 those of a checkpoint image, and left out by other clients than the kubelet.
//   ContainerID   that these are CRI-O's keys at all
//   HostnamePath  that it is a sandbox: where that is a file of its own bundle, and mounted
// and not ContainerType, SandboxName, Labels, Namespace or ContainerName. (All without "io.kubernetes.cri-o.".)
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/spec.h"

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::oci {

enum class Family {
    none, // podman, docker, a person with a bundle: who writes annotations there is root on the node
    crio,
    containerd, // its CRI plugin
};

struct Engine {
    Family family = Family::none;
    bool sandbox = false; // the pod's pause container: no walls of its own, and nothing else here is told of it
    // What "/CONTAINER" in a key is compared with; nullopt where the engine should say it and does not.
    std::optional<std::string> container_name;
    // The pod's, in Kubernetes; nullopt elsewhere, and where the engine should say it and does not.
    std::optional<std::string> kubernetes_namespace;
    // Of CRI-O alone; for people to read, nothing is decided by it.
    std::optional<std::string> pod_name = std::nullopt;
};

// A DNS label: 1 to 63 of a-z, 0-9 and "-", the first and the last a letter or a digit.
[[nodiscard]] bool is_namespace_name(std::string_view name);

// Whether `key` is one of those that identify_engine looks at.
[[nodiscard]] bool is_engine_key(std::string_view key);

// Code::not_allowed where the keys contradict each other, as one of them is a tenant's then: keys of both families, a
// Name that the labels do not bear out, CRI-O's names with another container's ContainerID. `id` is the container's
// name outside Kubernetes. podman's pods have CRI-O's ContainerType and SandboxID as well: they are Family::none.
//
// podman before 4.5.1 copies an image's annotations into config.json, so there they may be the image's. Its bundles are
// where CRI-O's are, below containers/storage; the keys of such a bundle are believed only where they name the
// container's id, which CRI-O knows and no image does.
[[nodiscard]] Result<Engine> identify_engine(const Spec& spec, std::string_view id, std::string_view bundle);

} // namespace bulkhead::oci
