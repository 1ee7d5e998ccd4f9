// SPDX-License-Identifier: Apache-2.0
#include "runtime/inventory/identity.h"

#include "runtime/oci/json.h"
#include "runtime/oci/spec.h"

namespace bulkhead::inventory {

namespace {

// containerd's since 1.5; before, a tenant could write it, so it is believed nowhere else.
constexpr auto containerds_pod = "io.kubernetes.cri.sandbox-name";

std::optional<std::string> annotation(const oci::JsonObject& config, std::string_view key) {
    const auto annotations = config.find("annotations");
    const auto all = annotations ? annotations->object() : std::unexpected(Error{});
    const auto value = all ? all->find(key) : std::nullopt;
    const auto text = value ? value->string() : std::unexpected(Error{});
    return text ? std::optional(*text) : std::nullopt;
}

} // namespace

Identity identify(const std::string& id, const std::string& bundle) {
    Identity identity{.engine = engine_of(bundle, oci::Family::none)};
    const auto text = oci::read_config(bundle + "/config.json");
    const auto spec = text ? oci::parse_spec(*text, bundle) : std::unexpected(text.error());
    const auto engine = spec ? oci::identify_engine(*spec, id, bundle) : std::unexpected(spec.error());
    if (!engine || engine->family == oci::Family::none) {
        return identity;
    }
    identity.engine = engine_of(bundle, engine->family);
    identity.kubernetes_namespace = engine->kubernetes_namespace;
    identity.name = engine->container_name;
    identity.pod = engine->pod_name;
    if (const auto config = oci::JsonObject::parse(*text, ""); config && engine->family == oci::Family::containerd) {
        identity.pod = annotation(*config, containerds_pod);
    }
    return identity;
}

std::string engine_of(std::string_view bundle, oci::Family family) {
    switch (family) {
    case oci::Family::crio:
        return "cri-o";
    case oci::Family::containerd:
        return "containerd";
    case oci::Family::none:
        break;
    }
    // dockerd is a client of containerd's in a namespace of its own.
    if (bundle.contains("/io.containerd.runtime.v2.task/moby/")) {
        return "docker";
    }
    if (bundle.contains("/io.containerd.runtime.v2.task/")) {
        return "containerd";
    }
    return bundle.contains("-containers/") && bundle.ends_with("/userdata") ? "podman" : ""; // overlay-, vfs-, btrfs-
}

} // namespace bulkhead::inventory
