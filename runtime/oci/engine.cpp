// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/engine.h"

#include "runtime/oci/json.h"

#include <algorithm>
#include <array>

namespace bulkhead::oci {

namespace {

enum class Fact { container_type, container_id, sandbox_id, sandbox_name, labels, namespace_name, container_name };

struct EngineKey {
    std::string_view key;
    Family family;
    Fact fact;
};

// Not io.kubernetes.cri-o.Namespace, .ContainerName or io.kubernetes.pod.namespace: annotations of a pod with these
// names reach the hook as the tenant wrote them.
constexpr std::array<EngineKey, 9> believed{{
    {"io.kubernetes.cri-o.ContainerID", Family::crio, Fact::container_id},
    {"io.kubernetes.cri-o.ContainerType", Family::crio, Fact::container_type},
    {"io.kubernetes.cri-o.SandboxID", Family::crio, Fact::sandbox_id},
    {"io.kubernetes.cri-o.SandboxName", Family::crio, Fact::sandbox_name},
    {"io.kubernetes.cri-o.Labels", Family::crio, Fact::labels},
    {"io.kubernetes.cri.container-type", Family::containerd, Fact::container_type},
    {"io.kubernetes.cri.sandbox-id", Family::containerd, Fact::sandbox_id},
    {"io.kubernetes.cri.sandbox-namespace", Family::containerd, Fact::namespace_name},
    {"io.kubernetes.cri.container-name", Family::containerd, Fact::container_name},
}};

const EngineKey* look_up(std::string_view key) {
    const auto* const found = std::ranges::find(believed, key, &EngineKey::key);
    return found == believed.end() ? nullptr : found;
}

// CRI-O gives the name only inside the JSON text of the container's labels.
std::optional<std::string> name_in_labels(const std::string& labels) {
    const auto object = JsonObject::parse(labels, "");
    if (!object) {
        return std::nullopt;
    }
    auto name = object->required_string("io.kubernetes.container.name");
    return name ? std::optional(*std::move(name)) : std::nullopt;
}

// It becomes the name of a directory.
std::optional<std::string> checked_namespace(std::string_view name) {
    return is_namespace_name(name) ? std::optional<std::string>(name) : std::nullopt;
}

// "k8s_POD_NAMESPACE_UID_ATTEMPT", none of which can have a "_".
std::optional<std::string> namespace_in_sandbox_name(std::string_view name) {
    if (std::ranges::count(name, '_') != 4 || !name.starts_with("k8s_")) {
        return std::nullopt;
    }
    const auto begin = name.find('_', name.find('_') + 1) + 1;
    return checked_namespace(name.substr(begin, name.find('_', begin) - begin));
}

struct Reading {
    Engine engine;
    bool in_kubernetes = false;
    bool id_agrees = false;
};

bool in_containers_storage(std::string_view bundle) {
    return bundle.contains("/overlay-containers/") || bundle.contains("/vfs-containers/");
}

Result<void> take(Reading& reading, const Annotation& annotation, const EngineKey& known, std::string_view id) {
    auto& engine = reading.engine;
    if (engine.family != Family::none && engine.family != known.family) {
        return fail(Code::not_allowed, "annotations of both CRI-O and containerd are set (" + annotation.key +
                                           " among them); remove the io.kubernetes.cri keys from the pod");
    }
    engine.family = known.family;
    reading.in_kubernetes |= known.family == Family::containerd || known.fact == Fact::sandbox_name;
    if (known.fact == Fact::container_type) {
        engine.sandbox = annotation.value == "sandbox";
    } else if (known.fact == Fact::container_id) {
        reading.id_agrees = annotation.value == id;
    } else if (known.fact == Fact::container_name) {
        engine.container_name = annotation.value;
    } else if (known.fact == Fact::labels) {
        engine.container_name = name_in_labels(annotation.value);
    } else if (known.fact == Fact::sandbox_name) {
        engine.kubernetes_namespace = namespace_in_sandbox_name(annotation.value);
    } else if (known.fact == Fact::namespace_name) {
        engine.kubernetes_namespace = checked_namespace(annotation.value);
    }
    return {};
}

} // namespace

bool is_namespace_name(std::string_view name) {
    constexpr std::size_t longest = 63;
    return !name.empty() && name.size() <= longest && name.front() != '-' && name.back() != '-' &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

bool is_engine_key(std::string_view key) { return look_up(key) != nullptr; }

Result<Engine> identify_engine(const std::vector<Annotation>& annotations, std::string_view id,
                               std::string_view bundle) {
    Reading reading;
    for (const auto& annotation : annotations) {
        if (const auto* known = look_up(annotation.key)) {
            TRY(take(reading, annotation, *known, id));
        }
    }
    if (in_containers_storage(bundle) && !reading.id_agrees) {
        return Engine{
            .family = Family::none, .sandbox = false, .container_name = std::string(id), .kubernetes_namespace = {}};
    }
    if (!reading.in_kubernetes) {
        reading.engine.family = Family::none;
        reading.engine.container_name = id;
    }
    return std::move(reading.engine);
}

} // namespace bulkhead::oci
