// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/cgroup.h"

#include "runtime/base/quantity.h"
#include "runtime/policy/precedence.h"
#include "runtime/sys/file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <ranges>

namespace bulkhead::resources {

using oci::Key;
using oci::Setting;
using sys::Cgroup;
using sys::CgroupPlace;
using sys::CgroupVersion;

namespace {

std::string name_of(const CgroupPlace& place) { return place.controller + place.path; }

// Where a key's value goes. Names are the kernel's (admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst) and systemd's
// (systemd.resource-control(5)).
struct Knob {
    Key key;
    std::string_view controller;
    const char* v2_file;
    const char* v1_file;  // nullptr: v1 has no such thing
    const char* property; // nullptr: systemd has none, and writes its own value over ours
};

constexpr std::array<Knob, 6> knobs{{
    {Key::memory_max, "memory", "memory.max", "memory.limit_in_bytes", "MemoryMax"},
    {Key::memory_high, "memory", "memory.high", nullptr, "MemoryHigh"},
    {Key::memory_low, "memory", "memory.low", nullptr, "MemoryLow"},
    {Key::memory_swap_max, "memory", "memory.swap.max", "memory.memsw.limit_in_bytes", "MemorySwapMax"},
    {Key::memory_oom_group, "memory", "memory.oom.group", nullptr, nullptr},
    {Key::pids_max, "pids", "pids.max", "pids.max", "TasksMax"},
}};

static_assert(std::ranges::all_of(oci::annotation_keys, [](const oci::KeyInfo& info) {
    return info.resource != oci::Resource::cgroup || std::ranges::find(knobs, info.key, &Knob::key) != knobs.end();
}));

const Knob& knob_of(Key key) { return *std::ranges::find(knobs, key, &Knob::key); }

using Limit = std::optional<std::uint64_t>; // nullopt: none

std::string amount(Key key, std::uint64_t value) {
    return oci::info_of(key).type == oci::ValueType::bytes ? format(Bytes{value}) : std::to_string(value);
}

std::unexpected<Error> unsupported(std::string what) { return fail(Code::unsupported, std::move(what)); }

bool is_within(std::string_view path, std::string_view ancestor) {
    return path == ancestor || (path.starts_with(ancestor) && path.substr(ancestor.size()).starts_with('/'));
}

// The container's place in the hierarchy of `controller`. A container without a cgroup of its own (podman
// --cgroups=disabled, a cgroup shared with the engine) would have us limit whoever started it.
Result<CgroupPlace> own_place(const std::string& container_text, const std::string& our_text,
                              std::string_view controller) {
    const auto place = sys::find_cgroup(container_text, controller);
    if (!place) {
        return unsupported("the kernel has no " + std::string(controller) + " cgroup controller");
    }
    const auto ours = sys::find_cgroup(our_text, controller);
    if (place->path == "/" || (ours && is_within(ours->path, place->path))) {
        return unsupported("the container has no cgroup of its own (it is in " + in_quotes(place->path) +
                           "); let the engine make one");
    }
    return *place;
}

} // namespace

std::uint64_t as_kernel_keeps_it(const Setting& setting) {
    const bool bytes = oci::info_of(setting.key).type == oci::ValueType::bytes;
    return bytes ? round_down(Bytes{setting.value}, sys::page_size()).value : setting.value;
}

Result<void> check_version(const Setting& setting, CgroupVersion version) {
    return version == CgroupVersion::v1 && knob_of(setting.key).v1_file == nullptr
               ? unsupported("cgroup v1 has no such limit; it needs cgroup v2")
               : Result<void>{};
}

// Collects what is to be written, setting by setting.
class CgroupLimits::Preparation {
public:
    Preparation(const policy::CgroupConfig& config, const Container& container, std::string cgroup_text,
                std::string our_cgroup_text)
        : config_(config), container_(container), cgroup_text_(std::move(cgroup_text)),
          our_cgroup_text_(std::move(our_cgroup_text)) {}

    Result<CgroupLimits> run(const std::vector<Setting>& settings) {
        for (const auto& setting : settings) {
            current_ = &setting;
            if (auto added = add(setting); !added) {
                return std::unexpected(setting.explain(std::move(added).error()));
            }
        }
        return std::move(limits_);
    }

private:
    Result<void> add(const Setting& setting) {
        const auto& knob = knob_of(setting.key);
        TRY_ASSIGN(const auto place, own_place(cgroup_text_, our_cgroup_text_, knob.controller));
        const auto unit = find_unit(place.path, container_.spec.cgroups_path, container_.id);
        const auto ours = sys::find_cgroup(our_cgroup_text_, knob.controller);
        if (unit && ours && is_within(ours->path, unit->path)) {
            return unsupported("the scope " + in_quotes(unit->name) + " holds whoever started the container as well");
        }
        TRY(check_use(setting, place));
        if (place.version == CgroupVersion::v1) {
            return add_v1(setting, knob, place, unit);
        }
        if (setting.key == Key::memory_oom_group) {
            return add_oom_group(setting, place, unit);
        }
        TRY(add_limit(setting, knob.v2_file, place, unit));
        if (unit && unit->path != place.path) { // crun's leaf: the scope above it is what systemd knows
            return add_limit(setting, knob.v2_file, {place.version, place.controller, unit->path}, unit);
        }
        return {};
    }

    // A limit below what is in use would be enforced at once, by killing; and runc reports an OOM kill in place of what
    // we say.
    Result<void> check_use(const Setting& setting, const CgroupPlace& place) {
        const bool memory = setting.key == Key::memory_max;
        if (!memory && setting.key != Key::pids_max) {
            return {};
        }
        const char* v1_file = memory ? "memory.usage_in_bytes" : "pids.current";
        const char* v2_file = memory ? "memory.current" : "pids.current";
        TRY_ASSIGN(const auto text, read(place, place.version == CgroupVersion::v1 ? v1_file : v2_file));
        TRY_ASSIGN(const auto use, parse_unsigned(text));
        if (use > setting.value) {
            return fail(Code::busy, "the container already uses " + amount(setting.key, use) + ", the runtime's own " +
                                        (memory ? "memory" : "threads") + " included; ask for more");
        }
        return {};
    }

    Result<void> add_limit(const Setting& setting, const std::string& file, const CgroupPlace& place,
                           const std::optional<SystemdUnit>& unit) {
        const auto wanted = as_kernel_keeps_it(setting);
        TRY_ASSIGN(const auto old_text, read(place, file));
        TRY_ASSIGN(const auto old_limit, sys::parse_cgroup_limit(old_text));
        if (policy::engines_stays(setting, config_, old_limit, wanted)) {
            // Of the scope above it is systemd's DefaultTasksMax, not the engine's.
            const bool scope_above = unit && unit->path == place.path && !leaf_is(place);
            if (old_limit && *old_limit < wanted && !scope_above) {
                note_kept(setting, *old_limit);
            }
            return {};
        }
        TRY(add_write(place, file, old_text, std::to_string(wanted)));
        if (unit && unit->path == place.path) {
            add_property(*unit, knob_of(setting.key).property, wanted);
        }
        return {};
    }

    [[nodiscard]] bool leaf_is(const CgroupPlace& place) const {
        return sys::find_cgroup(cgroup_text_, place.controller) == place;
    }

    // Nobody asked for a default.
    void note_kept(const Setting& setting, std::uint64_t engines) {
        if (setting.is_default()) {
            return;
        }
        limits_.notes_.push_back(
            setting.explain({.what = "kept at the engine's " + amount(setting.key, engines)}).what);
    }

    // systemd writes memory.oom.group from OOMPolicy=, which cannot be set on a running scope: under runc its next
    // set-property or daemon-reload undoes ours. crun's leaf is below what systemd writes to.
    Result<void> add_oom_group(const Setting& setting, const CgroupPlace& place,
                               const std::optional<SystemdUnit>& unit) {
        TRY_ASSIGN(const auto old_text, read(place, "memory.oom.group"));
        const std::uint64_t old_value = old_text == "1" ? 1 : 0;
        if (policy::engines_stays(setting, config_, old_value, setting.value)) {
            if (old_value != setting.value) {
                note_kept(setting, old_value);
            }
            return {};
        }
        if (unit && unit->path == place.path) {
            return unsupported("with runc and systemd's cgroup driver a hook cannot set this so that it lasts; set the "
                               "annotation org.systemd.property.OOMPolicy to 'kill' (with its quotes), or use crun");
        }
        return add_write(place, "memory.oom.group", old_text, "1");
    }

    Result<void> add_v1(const Setting& setting, const Knob& knob, const CgroupPlace& place,
                        const std::optional<SystemdUnit>& unit) {
        TRY(check_version(setting, CgroupVersion::v1));
        if (setting.key == Key::memory_swap_max) {
            return add_v1_swap(setting, knob, place);
        }
        const std::size_t before = limits_.writes_.size();
        TRY(add_limit(setting, knob.v1_file, place, unit));
        const bool changed = limits_.writes_.size() > before;
        return setting.key == Key::memory_max && changed ? keep_v1_swap(setting, place) : Result<void>{};
    }

    // v1 limits memory and swap together: with memory alone lowered, as much more swap could be used; and it cannot be
    // raised above the two together, so that these come first then.
    Result<void> keep_v1_swap(const Setting& setting, const CgroupPlace& place) {
        const auto old_text = read(place, "memory.memsw.limit_in_bytes");
        if (!old_text && old_text.error().code == Code::unsupported) {
            return {}; // the kernel counts no swap
        }
        TRY(old_text);
        TRY_ASSIGN(const auto old_sum, sys::parse_cgroup_limit(*old_text));
        TRY_ASSIGN(const auto old_memory, sys::parse_cgroup_limit(limits_.writes_.back().old_value));
        if (!old_sum || !old_memory || *old_sum < *old_memory) {
            return {};
        }
        const auto wanted = as_kernel_keeps_it(setting);
        const auto swap = *old_sum - *old_memory;
        TRY(add_write(place, "memory.memsw.limit_in_bytes", *old_text, std::to_string(wanted + swap)));
        if (wanted > *old_memory) {
            std::swap(limits_.writes_.back(), *(limits_.writes_.end() - 2)); // both are asked for by `setting`
        }
        return {};
    }

    // Needs the memory limit that will be in force: memory-max comes before memory-swap-max in the table of keys.
    Result<void> add_v1_swap(const Setting& setting, const Knob& knob, const CgroupPlace& place) {
        TRY_ASSIGN(const auto old_text, planned(place, knob.v1_file));
        TRY_ASSIGN(const auto old_sum, sys::parse_cgroup_limit(old_text));
        TRY_ASSIGN(const auto memory_text, planned(place, "memory.limit_in_bytes"));
        TRY_ASSIGN(const auto memory, sys::parse_cgroup_limit(memory_text));
        if (!memory) {
            return unsupported("cgroup v1 limits swap only together with memory; set memory-max as well");
        }
        const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        const auto swap = as_kernel_keeps_it(setting);
        const auto wanted = swap > most - *memory ? most : *memory + swap;
        if (policy::engines_stays(setting, config_, old_sum, wanted)) {
            if (*old_sum < wanted) {
                note_kept(setting, *old_sum - std::min(*memory, *old_sum));
            }
            return {};
        }
        return replace_write(place, knob.v1_file, old_text, std::to_string(wanted));
    }

    // What the file will hold once what was collected so far is written.
    Result<std::string> planned(const CgroupPlace& place, const std::string& file) {
        for (const auto& write : limits_.writes_) {
            if (write.place == place && write.file == file) {
                return write.new_value;
            }
        }
        return read(place, file);
    }

    Result<void> replace_write(const CgroupPlace& place, const std::string& file, const std::string& old_text,
                               std::string new_text) {
        for (auto& write : limits_.writes_) {
            if (write.place == place && write.file == file) {
                write.new_value = std::move(new_text);
                return {};
            }
        }
        return add_write(place, file, old_text, std::move(new_text));
    }

    Result<void> add_write(const CgroupPlace& place, const std::string& file, const std::string& old_text,
                           std::string new_text) {
        TRY_ASSIGN(const auto* cgroup, at(place));
        limits_.writes_.push_back({.place = place,
                                   .inode = cgroup->inode(),
                                   .file = file,
                                   .old_value = old_text,
                                   .new_value = std::move(new_text)});
        limits_.asked_.push_back(*current_);
        return {};
    }

    void add_property(const SystemdUnit& unit, const char* property, std::uint64_t value) {
        if (!limits_.unit_) {
            limits_.unit_ = {.unit = unit, .properties = {}};
        }
        limits_.unit_->properties.push_back({.name = property, .value = value});
    }

    Result<const Cgroup*> at(const CgroupPlace& place) {
        auto& opened = limits_.cgroups_;
        if (const auto found = opened.find(name_of(place)); found != opened.end()) {
            return &found->second;
        }
        TRY_ASSIGN(auto cgroup, Cgroup::open(place));
        return &opened.emplace(name_of(place), std::move(cgroup)).first->second;
    }

    Result<std::string> read(const CgroupPlace& place, const std::string& file) {
        TRY_ASSIGN(const auto* cgroup, at(place));
        auto text = cgroup->read(file);
        if (!text && text.error().number == ENOENT) {
            return unsupported(file.contains("swap") || file.contains("memsw")
                                   ? "the kernel does not account swap (no " + file + ")"
                                   : "the container's cgroup has no " + file + "; the " + place.controller +
                                         " controller is not enabled for it");
        }
        return text;
    }

    const policy::CgroupConfig& config_;
    const Container& container_;
    std::string cgroup_text_; // /proc/PID/cgroup of the container, and of this process
    std::string our_cgroup_text_;
    const Setting* current_ = nullptr;
    CgroupLimits limits_;
};

Result<CgroupLimits> CgroupLimits::prepare(const std::vector<Setting>& settings, const policy::CgroupConfig& config,
                                           const Container& container) {
    if (settings.empty()) {
        return CgroupLimits{};
    }
    TRY_ASSIGN(auto text, container.process.cgroup());
    TRY_ASSIGN(auto our_text, sys::own_cgroup());
    return Preparation(config, container, std::move(text), std::move(our_text)).run(settings);
}

Result<void> CgroupLimits::write(const CgroupWrite& what, const std::string& value) const {
    auto written = cgroups_.at(name_of(what.place)).write(what.file, value);
    if (!written && written.error().number == EBUSY) { // v1: cannot be reclaimed below it
        written.error().code = Code::busy;
    }
    return written;
}

Result<void> CgroupLimits::apply() {
    if (unit_) {
        if (auto told = set_unit_properties(unit_->unit, unit_->properties); !told) {
            return std::unexpected(asked_.front().explain(std::move(told).error()));
        }
    }
    for (; written_ < writes_.size(); ++written_) {
        const auto& next = writes_[written_];
        if (auto done = write(next, next.new_value); !done) {
            return std::unexpected(asked_[written_].explain(std::move(done).error()));
        }
    }
    return {};
}

Result<void> CgroupLimits::undo() {
    Result<void> first;
    for (; written_ > 0; --written_) {
        const auto& last = writes_[written_ - 1];
        auto undone = write(last, last.old_value);
        if (first) {
            first = std::move(undone);
        }
    }
    return first;
}

std::optional<Bytes> CgroupLimits::memory_limit() const {
    const auto& knob = knob_of(Key::memory_max);
    for (const auto& write : writes_) {
        if (notes_.empty() && (write.file == knob.v1_file || write.file == knob.v2_file)) {
            const auto limit = sys::parse_cgroup_limit(write.new_value);
            return limit && *limit ? std::optional(Bytes{**limit}) : std::nullopt;
        }
    }
    return std::nullopt;
}

std::optional<Bytes> memory_limit_in_force(const Container& container) {
    const auto text = container.process.cgroup();
    const auto place = text ? sys::find_cgroup(*text, "memory") : std::nullopt;
    if (!place) {
        return std::nullopt;
    }
    const auto cgroup = Cgroup::open(*place);
    const auto limit = cgroup ? limit_in_force(*cgroup, Key::memory_max) : Result<Limit>{};
    return limit && *limit ? std::optional(Bytes{**limit}) : std::nullopt;
}

Result<std::optional<std::uint64_t>> limit_in_force(const Cgroup& cgroup, Key key) {
    const auto& knob = knob_of(key);
    const auto* const file = cgroup.version() == CgroupVersion::v1 ? knob.v1_file : knob.v2_file;
    const auto text = file != nullptr ? cgroup.read(file) : Result<std::string>("max");
    if (!text) {
        return text.error().number == ENOENT ? Result<Limit>(std::nullopt) : std::unexpected(text.error());
    }
    return sys::parse_cgroup_limit(*text);
}

namespace {

// The cgroup went with its container, before we looked or while we did (a removed one's files say ENODEV).
bool is_gone(const Error& error) { return error.number == ENOENT || error.number == ENODEV; }

Result<void> release_one(const CgroupWrite& write) {
    TRY_ASSIGN(const auto cgroup, Cgroup::open(write.place));
    if (cgroup.inode() != write.inode) {
        return {}; // a later one of the same path
    }
    TRY_ASSIGN(const auto empty, cgroup.empty());
    TRY_ASSIGN(const auto value, cgroup.read(write.file));
    return empty && value == write.new_value ? cgroup.write(write.file, write.old_value) : Result<void>{};
}

} // namespace

Result<void> release_cgroup(const std::vector<CgroupWrite>& writes) {
    Result<void> first;
    for (const auto& write : std::views::reverse(writes)) {
        auto released = release_one(write);
        if (!released && !is_gone(released.error()) && first) {
            first = std::move(released);
        }
    }
    return first;
}

} // namespace bulkhead::resources
