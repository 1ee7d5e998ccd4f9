// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/gc.h"

#include "runtime/cli/command.h"
#include "runtime/cli/gc_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/policy/config_file.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

using ledger::GcItem;
using ledger::GcOptions;

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
    asked.keep = segments_to_keep(options.config);
    TRY(enter_node());
    return ledger::collect_garbage(options.state_dir, ledger::disk_directory, asked);
}

int run(const Options& options, const GcOptions& asked) {
    const auto items = collect(options, asked);
    if (!items) {
        return fail_command("gc", items.error());
    }
    print(options, json_of(*items, asked.dry_run), lines_of(*items, asked.dry_run));
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
