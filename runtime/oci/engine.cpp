// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/engine.h"

#include <algorithm>
#include <array>

namespace bulkhead::oci {

namespace {

enum class Fact : std::size_t {
    family, // no more than which engine it is
    crio_container_id,
    crio_hostname_path,
    crio_name,
    crio_sandbox_name,
    label_container,
    label_namespace,
    containerd_type,
    containerd_container,
    containerd_namespace,
};
constexpr std::size_t fact_count = 10;

struct EngineKey {
    std::string_view key;
    Family family;
    Fact fact;
};

constexpr std::array<EngineKey, 13> known_keys{{
    {"io.kubernetes.cri-o.ContainerID", Family::crio, Fact::crio_container_id},
    {"io.kubernetes.cri-o.ContainerType", Family::crio, Fact::family},
    {"io.kubernetes.cri-o.HostnamePath", Family::crio, Fact::crio_hostname_path},
    {"io.kubernetes.cri-o.Labels", Family::crio, Fact::family},
    {"io.kubernetes.cri-o.Name", Family::crio, Fact::crio_name},
    {"io.kubernetes.cri-o.SandboxID", Family::crio, Fact::family},
    {"io.kubernetes.cri-o.SandboxName", Family::crio, Fact::crio_sandbox_name},
    {"io.kubernetes.container.name", Family::none, Fact::label_container},
    {"io.kubernetes.pod.namespace", Family::none, Fact::label_namespace},
    {"io.kubernetes.cri.container-type", Family::containerd, Fact::containerd_type},
    {"io.kubernetes.cri.sandbox-id", Family::containerd, Fact::family},
    {"io.kubernetes.cri.sandbox-namespace", Family::containerd, Fact::containerd_namespace},
    {"io.kubernetes.cri.container-name", Family::containerd, Fact::containerd_container},
}};

const EngineKey* look_up(std::string_view key) {
    const auto* const found = std::ranges::find(known_keys, key, &EngineKey::key);
    return found == known_keys.end() ? nullptr : found;
}

struct Reading {
    Family family = Family::none;
    std::array<const std::string*, fact_count> values{};

    [[nodiscard]] const std::string* operator[](Fact fact) const { return values.at(static_cast<std::size_t>(fact)); }
};

Result<Reading> read(const std::vector<Annotation>& annotations) {
    Reading reading;
    for (const auto& annotation : annotations) {
        const auto* const known = look_up(annotation.key);
        if (known == nullptr) {
            continue;
        }
        if (reading.family != Family::none && known->family != Family::none && reading.family != known->family) {
            return fail(Code::not_allowed, "annotations of both CRI-O and containerd are set (" + annotation.key +
                                               " among them); remove the io.kubernetes.cri keys from the pod");
        }
        reading.family = known->family == Family::none ? reading.family : known->family;
        reading.values.at(static_cast<std::size_t>(known->fact)) = &annotation.value;
    }
    return reading;
}

// It becomes the name of a directory.
std::optional<std::string> checked_namespace(std::string_view name) {
    return is_namespace_name(name) ? std::optional<std::string>(name) : std::nullopt;
}

struct PodNames {
    std::string_view container;
    std::string_view pod;
    std::string_view kubernetes_namespace;
};

// "k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT", none of which can have a "_". CRI-O puts that, of a container that it
// restores, in front of its pod's once more: "k8s_" + that + "_POD_NAMESPACE_UID0".
std::optional<PodNames> names_in(std::string_view name) {
    constexpr std::string_view once = "k8s_";
    constexpr std::string_view twice = "k8s_k8s_";
    const auto separators = std::ranges::count(name, '_');
    const auto begin = separators == 5 ? once : twice;
    if ((separators != 5 && separators != 9) || !name.starts_with(begin)) {
        return std::nullopt;
    }
    name.remove_prefix(begin.size());
    const auto next = [&name] {
        const auto part = name.substr(0, name.find('_'));
        name.remove_prefix(part.size() + 1);
        return part;
    };
    const auto container = next();
    const auto pod = next();
    return PodNames{.container = container, .pod = pod, .kubernetes_namespace = next()};
}

bool disagrees(const std::string* label, std::string_view name) { return label != nullptr && *label != name; }

bool in_containers_storage(std::string_view bundle, std::string_view id) {
    return bundle.contains("-containers/" + std::string(id) + "/userdata"); // overlay-, vfs-, btrfs-
}

// In a workload HostnamePath is the tenant's to write. The id that would have to be in it is drawn later, and should it
// be foreseen (CRI-O's generator of ids is not a secret one) that file is still not mounted: a workload has its
// sandbox's.
bool is_crio_sandbox(const Reading& said, const Spec& spec, std::string_view id) {
    const auto* const path = said[Fact::crio_hostname_path];
    return path != nullptr && path->ends_with("/" + std::string(id) + "/userdata/hostname") &&
           std::ranges::find(spec.binds, *path) != spec.binds.end();
}

Result<Engine> crio_workload(const Reading& said) {
    Engine engine{.family = Family::crio, .sandbox = false, .container_name = {}, .kubernetes_namespace = {}};
    const auto names = said[Fact::crio_name] == nullptr ? std::nullopt : names_in(*said[Fact::crio_name]);
    if (!names) {
        return engine;
    }
    if (disagrees(said[Fact::label_namespace], names->kubernetes_namespace) ||
        disagrees(said[Fact::label_container], names->container)) {
        return fail(Code::not_allowed, "io.kubernetes.cri-o.Name is not of the container and namespace that the "
                                       "kubelet's labels name, so one of them is forged; use an image that is no "
                                       "checkpoint");
    }
    engine.container_name = names->container;
    engine.kubernetes_namespace = checked_namespace(names->kubernetes_namespace);
    engine.pod_name = names->pod;
    return engine;
}

Engine nobodys(std::string_view id) {
    return {.family = Family::none, .sandbox = false, .container_name = std::string(id), .kubernetes_namespace = {}};
}

Result<Engine> of_crio(const Reading& said, const Spec& spec, std::string_view id, std::string_view bundle) {
    if (is_crio_sandbox(said, spec, id)) {
        return Engine{.family = Family::crio, .sandbox = true, .container_name = {}, .kubernetes_namespace = {}};
    }
    if (said[Fact::crio_name] == nullptr && said[Fact::crio_sandbox_name] == nullptr) {
        return nobodys(id); // podman's
    }
    const auto* const its_id = said[Fact::crio_container_id];
    if (in_containers_storage(bundle, id) && (its_id == nullptr || *its_id != id)) {
        return fail(Code::not_allowed, "io.kubernetes.cri-o.ContainerID is not this container's id, so CRI-O's keys "
                                       "here are forged; use an image without them");
    }
    return crio_workload(said);
}

Engine of_containerd(const Reading& said) {
    Engine engine{.family = Family::containerd, .sandbox = false, .container_name = {}, .kubernetes_namespace = {}};
    const auto* const type = said[Fact::containerd_type];
    engine.sandbox = type != nullptr && *type == "sandbox";
    if (engine.sandbox) {
        return engine; // container-name would be the tenant's
    }
    if (const auto* const name = said[Fact::containerd_container]; name != nullptr) {
        engine.container_name = *name;
    }
    if (const auto* const name = said[Fact::containerd_namespace]; name != nullptr) {
        engine.kubernetes_namespace = checked_namespace(*name);
    }
    return engine;
}

} // namespace

bool is_namespace_name(std::string_view name) {
    constexpr std::size_t longest = 63;
    return !name.empty() && name.size() <= longest && name.front() != '-' && name.back() != '-' &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_engine_key(std::string_view key) { return look_up(key) != nullptr; }

Result<Engine> identify_engine(const Spec& spec, std::string_view id, std::string_view bundle) {
    TRY_ASSIGN(const auto said, read(spec.annotations));
    if (said.family == Family::crio) {
        return of_crio(said, spec, id, bundle);
    }
    if (said.family == Family::containerd && !in_containers_storage(bundle, id)) {
        return of_containerd(said);
    }
    return nobodys(id);
}

} // namespace bulkhead::oci
