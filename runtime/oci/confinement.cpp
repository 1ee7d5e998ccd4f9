// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/confinement.h"

#include "runtime/oci/capability.h"
#include "runtime/oci/json.h"

#include <array>

namespace bulkhead::oci {

namespace {

// Outside of a user namespace: mount and quotactl; open_by_handle_at, which reaches every file of a file system; code
// in the kernel; the disk through I/O ports and memory.
constexpr std::array<std::string_view, 4> unbounding{"SYS_ADMIN", "DAC_READ_SEARCH", "SYS_MODULE", "SYS_RAWIO"};

// A member that is an object; an empty one where it is missing.
Result<JsonObject> object_in(const JsonObject& parent, std::string_view key) {
    const auto value = parent.find(key);
    return value ? value->object() : JsonObject::parse("{}", key);
}

Result<std::vector<JsonValue>> array_in(const JsonObject& parent, std::string_view key) {
    const auto value = parent.find(key);
    return value ? value->array() : Result<std::vector<JsonValue>>();
}

Result<std::string> string_in(const JsonObject& parent, std::string_view key) {
    const auto value = parent.find(key);
    return value ? value->string() : Result<std::string>("");
}

Result<void> read_namespaces(const JsonObject& linux, Confinement& confinement) {
    TRY_ASSIGN(const auto namespaces, array_in(linux, "namespaces"));
    for (const auto& element : namespaces) {
        TRY_ASSIGN(const auto entry, element.object());
        TRY_ASSIGN(const auto type, entry.required_string("type"));
        TRY_ASSIGN(auto path, string_in(entry, "path"));
        if (type == "user") {
            confinement.user_namespace = path.empty();
        } else if (type == "pid") {
            confinement.pid = path.empty() ? PidNamespace::own : PidNamespace::joined;
            confinement.pid_path = std::move(path);
        }
    }
    return {};
}

Result<void> read_capabilities(const JsonObject& config, Confinement& confinement) {
    TRY_ASSIGN(const auto process, object_in(config, "process"));
    TRY_ASSIGN(const auto sets, object_in(process, "capabilities"));
    TRY_ASSIGN(const auto bounding, array_in(sets, "bounding"));
    for (const auto& element : bounding) {
        TRY_ASSIGN(const auto name, element.string());
        for (const auto capability : unbounding) {
            if (confinement.unbounded_by.empty() && is_capability(name, capability)) {
                confinement.unbounded_by = std::string("CAP_").append(capability);
            }
        }
    }
    return {};
}

// Rules are read in order; the last one that matches a device counts. One that allows a single block device is not
// taken back by a later one that denies another.
Result<void> read_devices(const JsonObject& linux, Confinement& confinement) {
    TRY_ASSIGN(const auto resources, object_in(linux, "resources"));
    const auto devices = resources.find("devices");
    confinement.may_open_block_device = !devices;
    if (!devices) {
        return {};
    }
    TRY_ASSIGN(const auto rules, devices->array());
    for (const auto& element : rules) {
        TRY_ASSIGN(const auto rule, element.object());
        TRY_ASSIGN(const auto type, string_in(rule, "type"));
        const auto allow = rule.find("allow");
        TRY_ASSIGN(const auto allowed, allow ? allow->boolean() : Result<bool>(false));
        const bool of_blocks = type.empty() || type == "a" || type == "b";
        const bool all = of_blocks && !rule.find("major") && !rule.find("minor");
        if (of_blocks && allowed) {
            confinement.may_open_block_device = true;
        } else if (all) {
            confinement.may_open_block_device = false;
        }
    }
    return {};
}

} // namespace

Result<Confinement> read_confinement(std::string_view config) {
    TRY_ASSIGN(const auto object, JsonObject::parse(config, ""));
    TRY_ASSIGN(const auto linux, object_in(object, "linux"));
    Confinement confinement;
    TRY(read_namespaces(linux, confinement));
    TRY(read_capabilities(object, confinement));
    TRY(read_devices(linux, confinement));
    return confinement;
}

} // namespace bulkhead::oci
