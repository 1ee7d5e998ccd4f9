// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/systemd.h"

#include "runtime/sys/process.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

namespace bulkhead::resources {

namespace {

constexpr const char* busctl = "/usr/bin/busctl";
constexpr std::chrono::milliseconds deadline{3000};

std::string_view last_component(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Whether `unit` is the scope that a runtime with the systemd driver makes for this container.
bool is_named_by(std::string_view unit, std::string_view cgroups_path, std::string_view id) {
    if (cgroups_path.empty()) {
        return unit.ends_with(std::string("-").append(id).append(".scope"));
    }
    if (std::ranges::count(cgroups_path, ':') != 2) {
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

Result<void> set_unit_properties(const SystemdUnit& unit, const std::vector<UnitProperty>& properties) {
    std::vector<std::string> arguments{busctl,
                                       "call",
                                       "--system",
                                       "--", // a unit's name may begin with "-"
                                       "org.freedesktop.systemd1",
                                       "/org/freedesktop/systemd1",
                                       "org.freedesktop.systemd1.Manager",
                                       "SetUnitProperties",
                                       "sba(sv)",
                                       unit.name,
                                       "true", // for this boot only
                                       std::to_string(properties.size())};
    for (const auto& property : properties) {
        arguments.insert(arguments.end(), {property.name, "t", std::to_string(property.value)});
    }
    const auto outcome = sys::run_program(arguments, deadline);
    if (!outcome && outcome.error().number == ENOENT) {
        return fail(Code::unsupported, "with systemd's cgroup driver this needs busctl, and there is no " +
                                           std::string(busctl) + "; install the package that has it (Debian: systemd)");
    }
    if (!outcome) {
        return std::unexpected(outcome.error());
    }
    if (outcome->status != 0) {
        const auto said = outcome->output.substr(0, outcome->output.find('\n'));
        return fail(Code::system, "systemd refused to change " + unit.name + ": " + said);
    }
    return {};
}

} // namespace bulkhead::resources
