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

// "/proc/7/ns/pid" and "/proc/7/ns/user" are of one process.
bool of_one_process(std::string_view path, std::string_view other) {
    const auto end = path.rfind('/');
    return end != std::string_view::npos && path.starts_with("/proc/") &&
           path.substr(0, end) == other.substr(0, other.rfind('/'));
}

Result<void> read_namespaces(const JsonObject& linux, Confinement& confinement) {
    TRY_ASSIGN(const auto namespaces, array_in(linux, "namespaces"));
    std::string user_path;
    for (const auto& element : namespaces) {
        TRY_ASSIGN(const auto entry, element.object());
        TRY_ASSIGN(const auto type, entry.required_string("type"));
        TRY_ASSIGN(auto path, string_in(entry, "path"));
        if (type == "user") {
            confinement.user_namespace = true;
            user_path = std::move(path);
        } else if (type == "pid") {
            confinement.pid = path.empty() ? PidNamespace::own : PidNamespace::joined;
            confinement.pid_path = std::move(path);
        }
    }
    confinement.pid_owner_in_user_namespace = of_one_process(user_path, confinement.pid_path);
    // What is mapped in one that is joined need not be told.
    confinement.maps_system_ids = !user_path.empty();
    return {};
}

Result<void> read_mappings(const JsonObject& linux, Confinement& confinement) {
    constexpr std::uint64_t first_of_people = 1000;
    for (const auto* const key : {"uidMappings", "gidMappings"}) {
        TRY_ASSIGN(const auto mappings, array_in(linux, key));
        for (const auto& element : mappings) {
            TRY_ASSIGN(const auto mapping, element.object());
            const auto host = mapping.find("hostID");
            TRY_ASSIGN(const auto first, host ? host->unsigned_integer() : Result<std::uint64_t>());
            confinement.maps_system_ids = confinement.maps_system_ids || first < first_of_people;
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
        confinement.may_exceed_quotas =
            confinement.may_exceed_quotas || (is_capability(name, "SYS_RESOURCE") && !confinement.user_namespace);
        for (const auto capability : unbounding) {
            if (confinement.unbounded_by.empty() && is_capability(name, capability)) {
                confinement.unbounded_by = std::string("CAP_").append(capability);
            }
        }
    }
    return {};
}

struct DeviceRule {
    bool allow = false;
    std::string type;   // "" and "a": all devices
    bool write = false; // among others
    bool whole = false; // whatever the numbers
};

// runc, crun and dockerd take a negative number for any.
Result<bool> is_any(const JsonObject& rule, std::string_view number) {
    const auto value = rule.find(number);
    TRY_ASSIGN(const auto given, value ? value->integer() : Result<std::int64_t>(-1));
    return given < 0;
}

Result<DeviceRule> read_rule(const JsonObject& object) {
    DeviceRule rule;
    const auto allow = object.find("allow");
    TRY_ASSIGN(rule.allow, allow ? allow->boolean() : Result<bool>(false));
    TRY_ASSIGN(rule.type, string_in(object, "type"));
    TRY_ASSIGN(const auto access, string_in(object, "access"));
    rule.write = access.empty() || access.contains('w');
    TRY_ASSIGN(const auto major, is_any(object, "major"));
    TRY_ASSIGN(const auto minor, is_any(object, "minor"));
    rule.whole = major && minor;
    return rule;
}

// In order. What one rule allows only a rule about all devices takes back: on cgroup v1 one about some of them leaves a
// wider one, or a narrower, as it is. A rule of type "a" that allows has no other bounds there, whatever it says.
Result<void> read_devices(const JsonObject& linux, Confinement& confinement) {
    TRY_ASSIGN(const auto resources, object_in(linux, "resources"));
    const auto devices = resources.find("devices");
    confinement.may_write_block_device = true; // crun denies nothing until a rule does
    TRY_ASSIGN(const auto rules, devices ? devices->array() : Result<std::vector<JsonValue>>());
    for (const auto& element : rules) {
        TRY_ASSIGN(const auto object, element.object());
        TRY_ASSIGN(const auto rule, read_rule(object));
        const bool all = rule.type.empty() || rule.type == "a";
        if (rule.allow && (all || (rule.type == "b" && rule.write))) {
            confinement.may_write_block_device = true;
        } else if (!rule.allow && all && rule.whole && rule.write) {
            confinement.may_write_block_device = false;
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
    TRY(read_mappings(linux, confinement));
    TRY(read_capabilities(object, confinement));
    TRY(read_devices(linux, confinement));
    return confinement;
}

} // namespace bulkhead::oci
