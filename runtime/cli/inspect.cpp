// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/line.h"
#include "runtime/cli/command.h"
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/cli/path_option.h"
#include "runtime/ledger/store.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

using inventory::Container;
using inventory::Inventory;

struct Asked {
    std::string id;
    std::string bundle;
};

std::optional<ledger::LastError> last_refusal(const Options& options, const std::string& id) {
    const auto store = ledger::Store::open(options.state_dir);
    return store && *store ? ledger::recall_error(**store, id).value_or(std::nullopt) : std::nullopt;
}

Inspection inspect(const Inventory& inventory, const Container& container, const Options& options) {
    Inspection inspection;
    inspection.container = container;
    for (const auto& segment : inventory.segments) {
        if (std::ranges::find(container.segments, segment.place, &inventory::Membership::place) !=
            container.segments.end()) {
            inspection.segments.push_back(segment);
        }
    }
    inspection.last_refusal = last_refusal(options, container.id);
    return inspection;
}

// What could have been meant; or why there is none of that id, where it was refused.
int fail_to_find(const Asked& asked, const Error& error, const std::vector<const Container*>& candidates,
                 const Options& options) {
    fail_command("inspect", error);
    for (const auto* const container : candidates) {
        fmt::print(stderr, "{}\n", printable_line("    " + container->id + "  " + container->bundle));
    }
    const auto refusal = candidates.empty() ? last_refusal(options, asked.id) : std::nullopt;
    if (refusal) {
        fmt::print(stderr, "{}\n", printable_line("last refusal, at " + refusal->stage + ": " + refusal->line));
    }
    return something_wrong;
}

int run(const Options& options, const Asked& asked) {
    const auto entered = enter_node();
    const auto inventory = entered ? look_at_node(options) : std::unexpected(entered.error());
    if (!inventory) {
        return fail_command("inspect", inventory.error());
    }
    std::vector<const Container*> candidates;
    const auto container = find_container(*inventory, asked.id, asked.bundle, candidates);
    if (!container) {
        return fail_to_find(asked, container.error(), candidates, options);
    }
    const auto inspection = inspect(*inventory, **container, options);
    if (options.output == "json") {
        print_json(json_of(inspection));
    } else {
        for (const auto& line : lines_of(inspection)) {
            print_line(line);
        }
    }
    return done;
}

} // namespace

void add_inspect(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("inspect", "Show each limit of a container and what it uses of it");
    const auto asked = std::make_shared<Asked>();
    command->add_option("id", asked->id, "Its id, or the beginning of it")->type_name("ID")->required();
    command->add_option("--bundle", asked->bundle, "Its bundle, where several containers have that id")
        ->type_name("DIR")
        ->transform(absolute_path);
    command->callback([&options, &status, asked] { status = run(options, *asked); });
}

} // namespace bulkhead::cli
