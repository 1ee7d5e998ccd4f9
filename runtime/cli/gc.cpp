// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/gc.h"

#include "runtime/base/line.h"
#include "runtime/cli/command.h"
#include "runtime/cli/output.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/policy/config_file.h"
#include "runtime/sys/namespace.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

using ledger::GcItem;
using ledger::GcOptions;

const char* word_for(GcItem::Outcome outcome) {
    switch (outcome) {
    case GcItem::Outcome::released:
        return "released";
    case GcItem::Outcome::forgotten:
        return "forgotten";
    case GcItem::Outcome::kept:
        return "kept";
    case GcItem::Outcome::failed:
        return "failed";
    }
    return "";
}

const char* word_for(GcItem::Kind kind) {
    switch (kind) {
    case GcItem::Kind::receipt:
        return "receipt";
    case GcItem::Kind::disk_record:
        return "diskRecord";
    case GcItem::Kind::segment:
        return "segment";
    }
    return "";
}

void print_as_json(const std::vector<GcItem>& items, bool dry_run) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& item : items) {
        list.push_back({{"kind", word_for(item.kind)},
                        {"outcome", word_for(item.outcome)},
                        {"container", item.container},
                        {"name", item.name},
                        {"reason", item.why}});
    }
    print_json({{"schemaVersion", schema_version}, {"dryRun", dry_run}, {"items", std::move(list)}});
}

void print_as_lines(const std::vector<GcItem>& items, bool dry_run) {
    for (const auto& item : items) {
        const bool would_be = dry_run && item.outcome == GcItem::Outcome::released;
        print_line(fmt::format("{}{} {}{}{}{}{}", would_be ? "to be " : "", word_for(item.outcome), item.name,
                               item.container.empty() ? "" : " of ", item.container, item.why.empty() ? "" : ": ",
                               item.why));
    }
}

bool is_problem(const GcItem& item) {
    return item.outcome == GcItem::Outcome::kept || item.outcome == GcItem::Outcome::failed;
}

// A config that is bad says nothing of what is to be kept: then all of it stays.
std::optional<std::vector<std::string>> segments_to_keep(const std::string& config_file) {
    const auto reading = policy::read_config(config_file);
    if (!reading.problems.empty()) {
        return std::nullopt;
    }
    std::vector<std::string> names;
    for (const auto& segment : reading.config.segments) {
        if (segment.keep) {
            names.push_back(segment.name);
        }
    }
    return names;
}

Result<std::vector<GcItem>> collect(const Options& options, GcOptions asked) {
    if (::geteuid() != 0) {
        return fail(Code::not_allowed, "only root can see what containers left");
    }
    asked.keep = segments_to_keep(options.config);
    TRY(sys::enter_mount_namespace_of_init());
    return ledger::collect_garbage(options.state_dir, ledger::disk_directory, asked);
}

int run(const Options& options, const GcOptions& asked) {
    const auto items = collect(options, asked);
    if (!items) {
        fmt::print(stderr, "{}\n", report_line("gc", items.error().what));
        return something_wrong;
    }
    options.output == "json" ? print_as_json(*items, asked.dry_run) : print_as_lines(*items, asked.dry_run);
    return std::ranges::any_of(*items, is_problem) ? something_wrong : done;
}

} // namespace

void add_gc(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("gc", "Give back what containers left that are gone");
    const auto asked = std::make_shared<GcOptions>();
    command->add_flag("-n,--dry-run", asked->dry_run, "Say what would be given back, and do nothing");
    command->add_option("--forget", asked->forget, "Drop the disk records of a file system that is gone for good")
        ->type_name("UUID");
    command->callback([&options, &status, asked] { status = run(options, *asked); });
}

} // namespace bulkhead::cli
