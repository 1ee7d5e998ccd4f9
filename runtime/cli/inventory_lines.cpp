// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/inventory_output.h"

#include "runtime/base/quantity.h"
#include "runtime/cli/output.h"

#include <algorithm>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bulkhead::cli {

using inventory::Container;
using inventory::Guard;
using inventory::Inventory;
using inventory::Segment;
using inventory::Status;

namespace {

using Lines = std::vector<std::string>;

std::optional<std::uint64_t> value_of(const std::optional<Bytes>& limit) {
    return limit ? std::optional(limit->value) : std::nullopt;
}
std::optional<std::uint64_t> value_of(const std::optional<Count>& limit) {
    return limit ? std::optional(limit->value) : std::nullopt;
}

// --- Tables -------------------------------------------------------------------------------------------------------

template <typename Unit>
Cell cell(Unit used, const std::optional<Unit>& limit) {
    return {.text = use_of(used, limit), .tone = tone_of(used.value, value_of(limit))};
}

Cell shm_cell(const Container& container) {
    if (!container.shm) {
        return {};
    }
    return container.shm->hosts ? Cell{.text = "host", .tone = Tone::warning}
                                : cell(container.shm->used, container.shm->limit);
}

Cell guard_cell(const Container& container) {
    const auto tone = container.guard == Guard::escapable ? Tone::bad : Tone::plain;
    return {.text = container.guard == Guard::none ? "" : word_for(container.guard), .tone = tone};
}

Cell status_cell(const Container& container) {
    return {.text = word_for(container.status), .tone = container.status == Status::running ? Tone::plain : Tone::dim};
}

std::vector<Cell> row_of(const Container& container, bool whole_ids, bool names) {
    std::vector<Cell> row{{.text = whole_ids ? container.id : short_id(container.id)},
                          {.text = container.identity.engine}};
    if (names) {
        row.push_back({.text = name_of(container.identity)});
    }
    row.push_back(status_cell(container));
    row.push_back(shm_cell(container));
    row.push_back(container.disk ? cell(container.disk->used, container.disk->limit) : Cell{});
    row.push_back(container.memory ? cell(container.memory->working_set, container.memory->limit) : Cell{});
    row.push_back(container.pids ? cell(container.pids->used, container.pids->limit) : Cell{});
    row.push_back(guard_cell(container));
    return row;
}

// --- One container ------------------------------------------------------------------------------------------------

std::string limit_in_words(Bytes limit) { return format(limit); }
std::string limit_in_words(Count limit) { return std::to_string(limit.value); }

std::string amount(Bytes used) { return rounded(used); }
std::string amount(Count used) { return std::to_string(used.value); }

// "12Mi of 64Mi (19 %)"
template <typename Unit>
std::string in_words(Unit used, const std::optional<Unit>& limit) {
    if (!limit) {
        return amount(used) + ", no limit";
    }
    constexpr double hundred = 100;
    const auto most = static_cast<double>(std::max<std::uint64_t>(limit->value, 1));
    return fmt::format("{} of {} ({:.0f} %)", amount(used), limit_in_words(*limit),
                       hundred * static_cast<double>(used.value) / most);
}

std::string engine_in_words(const Container& container) {
    const auto& identity = container.identity;
    const auto name = name_of(identity);
    return (identity.engine.empty() ? "not known" : identity.engine) + (name.empty() ? "" : ", " + name);
}

std::string status_in_words(const Container& container) {
    const std::string process = container.status == Status::prepared ? "its runtime is process" : "process";
    const auto since = container.started
                           ? fmt::format(", since {:%Y-%m-%d %H:%M:%S} UTC",
                                         fmt::gmtime(std::chrono::system_clock::to_time_t(*container.started)))
                           : ", of an earlier boot";
    return fmt::format("{}, {} {}{}", word_for(container.status), process, container.pid, since);
}

std::string guard_in_words(const Container& container) {
    switch (container.guard) {
    case Guard::none:
        return "none";
    case Guard::guarded:
        return container.disk ? "guarded: the disk limit cannot be taken off from inside" : "guarded";
    case Guard::not_needed:
        return "not needed: the disk limit holds without it";
    case Guard::escapable:
        return "escapable: the disk limit can be taken off from inside: " + container.escapable;
    }
    return "";
}

void add_shm(Lines& lines, const Container& container) {
    if (const auto& shm = container.shm) {
        lines.push_back(named("shm", (shm->hosts ? "the host's own: " : "") + in_words(shm->used, shm->limit)));
    }
}

void add_disk(Lines& lines, const Container& container) {
    if (const auto& disk = container.disk) {
        lines.push_back(named("disk", in_words(disk->used, disk->limit)));
        lines.push_back(named("disk inodes", in_words(disk->used_inodes, disk->inodes_limit)));
        lines.push_back(
            named("disk layer", fmt::format("{}; project {} of {}", disk->upper, disk->id, disk->filesystem)));
    }
}

void add_memory(Lines& lines, const Container& container) {
    const auto& memory = container.memory;
    if (!memory) {
        return;
    }
    lines.push_back(named("memory", "working set " + in_words(memory->working_set, memory->limit)));
    lines.push_back(
        named("memory in all", fmt::format("{}: anon {}, file {} (shmem {} of it)", rounded(memory->usage),
                                           rounded(memory->anon), rounded(memory->file), rounded(memory->shmem))));
    if (memory->high) {
        lines.push_back(named("memory-high", limit_in_words(*memory->high)));
    }
    if (memory->low.value != 0) {
        lines.push_back(named("memory-low", limit_in_words(memory->low)));
    }
    if (memory->swap) {
        lines.push_back(named("swap", in_words(*memory->swap, memory->swap_limit)));
    }
    if (memory->oom_group.value_or(false)) {
        lines.push_back(named("memory-oom-group", "true"));
    }
}

std::string members_in_words(const Segment& segment) {
    Lines members;
    for (const auto& member : segment.members) {
        members.push_back(member.container.empty() ? fmt::format("process {}", member.pid)
                                                   : short_id(member.container));
    }
    return members.empty() ? "no members" : fmt::format("members {}", fmt::join(members, ", "));
}

void add_segments(Lines& lines, const Inspection& inspection) {
    for (const auto& membership : inspection.container.segments) {
        const auto segment = std::ranges::find(inspection.segments, membership.place, &Segment::place);
        const bool there = segment != inspection.segments.end() && segment->mounted;
        lines.push_back(
            named("segment " + membership.place.name,
                  fmt::format("{}; at {}{}: {}{}", there ? in_words(segment->used, segment->size) : "not mounted",
                              membership.path, membership.read_only ? " (read-only)" : "", membership.place.path(),
                              there ? "; " + members_in_words(*segment) : "")));
    }
}

void add_words(Lines& lines, const Inspection& inspection) {
    const auto& container = inspection.container;
    for (const auto& asked : container.asked) {
        lines.push_back(named("asked", fmt::format("{}=\"{}\", by the {}", asked.key, asked.value,
                                                   asked.by_config ? "node config" : "container")));
    }
    for (const auto& left_out : container.left_out) {
        lines.push_back(named("left out", fmt::format("{}: {}", oci::name_of(left_out.resource), left_out.reason)));
    }
    for (const auto& problem : container.problems) {
        lines.push_back(named("not told", problem));
    }
    if (const auto& last = inspection.last_refusal) {
        lines.push_back(named("last refusal", fmt::format("{} at {}", last->code, last->stage)));
        lines.push_back(last->line);
    }
}

} // namespace

std::string short_id(const std::string& id) {
    constexpr std::size_t shown = 12;
    constexpr std::size_t engines = 32; // no shorter than any engine's
    const bool drawn = id.size() >= engines && id.find_first_not_of("0123456789abcdef") == std::string::npos;
    return drawn ? id.substr(0, shown) : id;
}

std::string name_of(const inventory::Identity& identity) {
    Lines parts;
    for (const auto* const part : {&identity.kubernetes_namespace, &identity.pod, &identity.name}) {
        if (*part) {
            parts.push_back(**part);
        }
    }
    return fmt::format("{}", fmt::join(parts, "/"));
}

const char* word_for(Status status) {
    switch (status) {
    case Status::prepared:
        return "prepared";
    case Status::running:
        return "running";
    case Status::gone:
        return "gone";
    }
    return "";
}

const char* word_for(Guard guard) {
    switch (guard) {
    case Guard::none:
        return "none";
    case Guard::guarded:
        return "guarded";
    case Guard::not_needed:
        return "not-needed";
    case Guard::escapable:
        return "escapable";
    }
    return "";
}

Table table_of_containers(const Inventory& inventory, bool whole_ids) {
    const bool names = std::ranges::any_of(
        inventory.containers, [](const Container& container) { return !name_of(container.identity).empty(); });
    std::vector<std::string> header{"CONTAINER", "ENGINE"};
    if (names) {
        header.emplace_back("NAME");
    }
    header.insert(header.end(), {"STATUS", "SHM", "DISK", "MEMORY", "PIDS", "GUARD"});
    Table table(std::move(header));
    for (const auto& container : inventory.containers) {
        table.add(row_of(container, whole_ids, names));
    }
    return table;
}

Table table_of_segments(const std::vector<Segment>& segments) {
    Table table({"SEGMENT", "SCOPE", "USED", "MEMBERS", "KEPT"});
    for (const auto& segment : segments) {
        table.add({{.text = segment.place.name},
                   {.text = segment.place.scope},
                   segment.mounted ? cell(segment.used, segment.size) : Cell{.text = "not mounted", .tone = Tone::dim},
                   {.text = std::to_string(segment.members.size())},
                   {.text = segment.kept ? "yes" : "no"}});
    }
    return table;
}

Lines lines_of(const Inspection& inspection) {
    const auto& container = inspection.container;
    Lines lines{named("container", container.id), named("bundle", container.bundle),
                named("engine", engine_in_words(container)), named("status", status_in_words(container)),
                named("guard", guard_in_words(container))};
    lines.emplace_back();
    add_shm(lines, container);
    add_disk(lines, container);
    add_memory(lines, container);
    if (const auto& pids = container.pids) {
        lines.push_back(named("pids", in_words(pids->used, pids->limit)));
    }
    add_segments(lines, inspection);
    if (!lines.back().empty()) {
        lines.emplace_back();
    }
    add_words(lines, inspection);
    if (lines.back().empty()) {
        lines.pop_back();
    }
    return lines;
}

} // namespace bulkhead::cli
