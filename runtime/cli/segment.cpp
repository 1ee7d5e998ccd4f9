// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/ledger/segment_records.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

using inventory::Segment;
using policy::SegmentPlace;

constexpr auto list_name = "segment ls";
constexpr auto remove_name = "segment rm";

int list(const Options& options) {
    const auto entered = enter_node();
    const auto inventory = entered ? look_at_node(options) : std::unexpected(entered.error());
    if (!inventory) {
        return fail_command(list_name, inventory.error());
    }
    if (options.output == "json") {
        print_json(json_of_segments(*inventory));
    } else {
        table_of_segments(inventory->segments).print();
        print_problems(*inventory, list_name);
    }
    return done;
}

Error with_members(const Segment& segment) {
    std::vector<std::string> members;
    for (const auto& member : segment.members) {
        members.push_back(
            fmt::format("{} (process {})", member.container.empty() ? "unknown" : member.container, member.pid));
    }
    return Error{
        .code = Code::busy,
        .number = 0,
        .what = fmt::format("{} has members; stop them first: {}", segment.place.path(), fmt::join(members, ", "))};
}

// Also what was put aside of it, as it took too long.
Result<bool> remove(const SegmentPlace& place, const std::string& state_dir) {
    ledger::SegmentRecords records(state_dir);
    TRY_ASSIGN(const auto removed, records.collect(place, false, false));
    TRY_ASSIGN(const auto all, records.remains());
    for (const auto& remains : all) {
        if (remains.scope == place.scope && remains.name.starts_with(place.name + ".")) {
            TRY(records.collect_remains(remains, false));
        }
    }
    return removed;
}

Result<SegmentPlace> find_and_remove(const Options& options, const std::string& name) {
    TRY(enter_node());
    TRY_ASSIGN(const auto before, look_at_node(options));
    TRY_ASSIGN(const auto* const segment, find_segment(before, name));
    if (!segment->members.empty()) {
        return std::unexpected(with_members(*segment));
    }
    TRY_ASSIGN(const auto removed, remove(segment->place, options.state_dir));
    if (!removed) { // somebody joined it, or took it away, since we looked
        return fail(Code::busy, segment->place.path() + " changed at this moment; try again");
    }
    return segment->place;
}

int remove(const Options& options, const std::string& name) {
    const auto place = find_and_remove(options, name);
    if (!place) {
        return fail_command(remove_name, place.error());
    }
    const nlohmann::ordered_json removed{{"name", place->name}, {"scope", place->scope}};
    print(options, {{"schemaVersion", schema_version}, {"removed", removed}}, {"removed " + place->path()});
    return done;
}

} // namespace

void add_segment(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("segment", "Show the segments of this node, or remove one");
    command->require_subcommand(1);
    command->add_subcommand("ls", "Show the segments, what they hold and how many members they have")
        ->callback([&options, &status] { status = list(options); });
    auto* removal = command->add_subcommand("rm", "Empty and unmount a segment without members");
    const auto name = std::make_shared<std::string>();
    removal->add_option("name", *name, "NAME or, where several scopes have one, SCOPE/NAME")
        ->type_name("SEGMENT")
        ->required();
    removal->callback([&options, &status, name] { status = remove(options, *name); });
}

} // namespace bulkhead::cli
