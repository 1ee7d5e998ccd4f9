// SPDX-License-Identifier: Apache-2.0
#include "runtime/inventory/cgroup_use.h"

#include "runtime/base/quantity.h"

#include <algorithm>
#include <cerrno>

namespace bulkhead::inventory {

using oci::Key;
using sys::Cgroup;
using sys::CgroupPlace;
using sys::CgroupVersion;

namespace {

using Cgroups = std::vector<Cgroup>;

constexpr std::size_t most_cgroups = 8; // each is a descriptor, and a container may nest them at will

bool is_within(std::string_view path, std::string_view ancestor) {
    return path == ancestor || (path.starts_with(ancestor) && path.substr(ancestor.size()).starts_with('/'));
}

// Of its ancestors and itself, from the outside.
std::string_view outermost_called_after(std::string_view path, std::string_view id) {
    for (std::size_t begin = 1; begin < path.size();) {
        const auto end = std::min(path.find('/', begin), path.size());
        if (is_called_after(path.substr(begin, end - begin), [&](std::string_view each) { return each == id; })) {
            return path.substr(0, end);
        }
        begin = end + 1;
    }
    return path;
}

// memory.stat and the files beside it, as each version calls them. (admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst)
struct Names {
    const char* usage;
    std::string_view inactive_file;
    std::string_view anon;
    std::string_view file;
    std::string_view shmem;
};
constexpr Names v2_names{"memory.current", "inactive_file", "anon", "file", "shmem"};
constexpr Names v1_names{"memory.usage_in_bytes", "total_inactive_file", "total_rss", "total_cache", "total_shmem"};

// nullopt where there is no such file.
Result<std::optional<std::uint64_t>> number_in(const Cgroup& cgroup, const char* file) {
    const auto text = cgroup.read(file);
    if (!text) {
        return text.error().number == ENOENT ? Result<std::optional<std::uint64_t>>(std::nullopt)
                                             : std::unexpected(text.error());
    }
    TRY_ASSIGN(const auto value, in_context(file, parse_unsigned(*text)));
    return value;
}

template <typename Unit>
std::optional<Unit> in(std::optional<std::uint64_t> value) {
    return value ? std::optional(Unit{*value}) : std::nullopt;
}

std::uint64_t without(std::uint64_t all, std::uint64_t part) { return all - std::min(all, part); }

// nullopt: none of them has one.
Result<std::optional<std::uint64_t>> tightest(const Cgroups& cgroups, Key key) {
    std::optional<std::uint64_t> found;
    for (const auto& cgroup : cgroups) {
        TRY_ASSIGN(const auto limit, resources::limit_in_force(cgroup, key));
        if (limit && (!found || *limit < *found)) {
            found = limit;
        }
    }
    return found;
}

// v1 counts memory and swap together.
Result<void> add_swap_of_v1(const Cgroups& cgroups, MemoryUse& memory) {
    TRY_ASSIGN(const auto both, number_in(cgroups.front(), "memory.memsw.usage_in_bytes"));
    TRY_ASSIGN(const auto limit, tightest(cgroups, Key::memory_swap_max));
    if (both) {
        memory.swap = Bytes{without(*both, memory.usage.value)};
    }
    if (limit && memory.limit) {
        memory.swap_limit = Bytes{without(*limit, memory.limit->value)};
    }
    return {};
}

Result<void> add_what_v2_has(const Cgroups& cgroups, MemoryUse& memory) {
    TRY_ASSIGN(const auto swap, number_in(cgroups.front(), "memory.swap.current"));
    TRY_ASSIGN(const auto swap_limit, tightest(cgroups, Key::memory_swap_max));
    TRY_ASSIGN(const auto high, tightest(cgroups, Key::memory_high));
    TRY_ASSIGN(const auto low, resources::limit_in_force(cgroups.front(), Key::memory_low));
    TRY_ASSIGN(const auto group, resources::limit_in_force(cgroups.front(), Key::memory_oom_group));
    memory.swap = in<Bytes>(swap);
    memory.swap_limit = in<Bytes>(swap_limit);
    memory.high = in<Bytes>(high);
    memory.low = Bytes{low.value_or(0)};
    memory.oom_group = group.value_or(0) != 0;
    return {};
}

} // namespace

bool is_called_after(std::string_view name, const std::function<bool(std::string_view id)>& is_id) {
    if (name.ends_with(".scope")) {
        name.remove_suffix(std::string_view(".scope").size());
    }
    bool found = is_id(name);
    for (auto dash = name.find('-'); dash != std::string_view::npos && !found; dash = name.find('-', dash + 1)) {
        found = is_id(name.substr(dash + 1));
    }
    return found;
}

std::vector<CgroupPlace> container_cgroups(const CgroupPlace& process, std::string_view id,
                                           const std::vector<resources::CgroupWrite>& written) {
    const std::string_view own = process.path;
    auto engines = std::string_view::npos; // where the path of the engine's ends
    for (const auto& write : written) {
        const bool above = write.place.version == process.version && write.place.controller == process.controller &&
                           is_within(own, write.place.path);
        engines = above ? std::min(engines, write.place.path.size()) : engines;
    }
    if (engines == std::string_view::npos) {
        engines = outermost_called_after(own, id).size();
    }
    std::vector<CgroupPlace> found;
    for (auto end = engines; end <= own.size() && found.size() < most_cgroups;) {
        found.push_back({process.version, process.controller, std::string(own.substr(0, end))});
        end = end == own.size() ? end + 1 : std::min(own.find('/', end + 1), own.size());
    }
    return found;
}

Bytes memory_stat(std::string_view text, std::string_view name) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (line.starts_with(name) && line.substr(name.size()).starts_with(' ')) {
            return Bytes{parse_unsigned(line.substr(name.size() + 1)).value_or(0)};
        }
    }
    return {};
}

Result<std::optional<MemoryUse>> memory_use(const Cgroups& cgroups) {
    const auto& cgroup = cgroups.front();
    const bool v1 = cgroup.version() == CgroupVersion::v1;
    const auto& names = v1 ? v1_names : v2_names;
    TRY_ASSIGN(const auto usage, number_in(cgroup, names.usage));
    if (!usage) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto stat, cgroup.read("memory.stat"));
    TRY_ASSIGN(const auto limit, tightest(cgroups, Key::memory_max));
    MemoryUse memory;
    memory.usage = Bytes{*usage};
    memory.working_set = Bytes{without(*usage, memory_stat(stat, names.inactive_file).value)};
    memory.anon = memory_stat(stat, names.anon);
    memory.file = memory_stat(stat, names.file);
    memory.shmem = memory_stat(stat, names.shmem);
    memory.limit = in<Bytes>(limit);
    TRY(v1 ? add_swap_of_v1(cgroups, memory) : add_what_v2_has(cgroups, memory));
    return memory;
}

Result<std::optional<PidsUse>> pids_use(const Cgroups& cgroups) {
    TRY_ASSIGN(const auto used, number_in(cgroups.front(), "pids.current"));
    if (!used) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto limit, tightest(cgroups, Key::pids_max));
    return PidsUse{.used = Count{*used}, .limit = in<Count>(limit)};
}

} // namespace bulkhead::inventory
