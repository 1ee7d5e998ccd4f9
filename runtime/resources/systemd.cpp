// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/systemd.h"

#include "runtime/resources/dbus.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace bulkhead::resources {

namespace {

constexpr std::chrono::milliseconds deadline{3000};

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// The name, "for this boot only", and name and value of each.
std::string body(const std::string& unit, const std::vector<UnitProperty>& properties) {
    DbusValues array;
    for (const auto& property : properties) {
        array.align(8).string(property.name).signature("t").uint64(property.value);
    }
    DbusValues body;
    body.string(unit).uint32(1).uint32(static_cast<std::uint32_t>(array.bytes().size()));
    return body.align(8).raw(array.bytes()).bytes();
}

// Whether `unit` is the scope that a runtime with the systemd driver makes for this container.
bool is_named_by(std::string_view unit, std::string_view cgroups_path, std::string_view id) {
    if (cgroups_path.empty()) {
        return unit.ends_with(std::string("-").append(id).append(".scope"));
    }
    // A path is cgroupfs's. Its names may have colons, and below another's scope could make up that scope's name.
    if (cgroups_path.contains('/') || std::ranges::count(cgroups_path, ':') != 2) {
        return false;
    }
    const auto name = cgroups_path.rfind(':') + 1;
    const auto prefix = cgroups_path.find(':') + 1;
    const auto words = cgroups_path.substr(prefix, name - 1 - prefix);
    return unit ==
           std::string(words).append(words.empty() ? "" : "-").append(cgroups_path.substr(name)).append(".scope");
}

} // namespace

std::optional<SystemdUnit> find_unit(std::string_view cgroup_path, std::string_view cgroups_path, std::string_view id) {
    const auto parent = cgroup_path.substr(0, cgroup_path.rfind('/'));
    for (const auto path : {cgroup_path, parent}) {
        if (is_named_by(last_component(path), cgroups_path, id)) {
            return SystemdUnit{.name = std::string(last_component(path)), .path = std::string(path)};
        }
    }
    return std::nullopt;
}

Result<void> set_unit_properties(const SystemdUnit& unit, const std::vector<UnitProperty>& properties,
                                 const std::string& bus) {
    const auto told = call_by_dbus(bus,
                                   {.destination = "org.freedesktop.systemd1",
                                    .path = "/org/freedesktop/systemd1",
                                    .interface = "org.freedesktop.systemd1.Manager",
                                    .member = "SetUnitProperties",
                                    .signature = "sba(sv)",
                                    .body = body(unit.name, properties)},
                                   deadline);
    if (told) {
        return {};
    }
    const auto& error = told.error();
    if (error.number == ENOENT || error.number == ECONNREFUSED) {
        return fail(Code::unsupported, "with systemd's cgroup driver this needs D-Bus, and nobody listens at " + bus +
                                           "; install or start it (Debian: dbus)");
    }
    if (error.number == EBADMSG) {
        return fail(Code::system, "with systemd's cgroup driver this needs D-Bus, and what answers at " + bus +
                                      " does not speak it; start the system's bus there (Debian: dbus)");
    }
    const bool refused = error.code == Code::system && error.number == 0;
    return std::unexpected(Error(error).in(refused ? "systemd refused to change " + unit.name : "systemd"));
}

} // namespace bulkhead::resources
