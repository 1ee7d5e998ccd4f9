// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"

#include <memory>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

int run(const Options& options, bool whole_ids) {
    const auto entered = enter_node();
    const auto inventory = entered ? look_at_node(options) : std::unexpected(entered.error());
    if (!inventory) {
        return fail_command("list", inventory.error());
    }
    if (options.output == "json") {
        print_json(json_of_containers(*inventory));
    } else {
        table_of_containers(*inventory, whole_ids).print();
        print_problems(*inventory, "list");
    }
    return done;
}

} // namespace

void add_list(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("list", "Show the containers with limits, and what they hold");
    const auto whole_ids = std::make_shared<bool>(false);
    command->add_flag("--no-trunc", *whole_ids, "Show ids as a whole");
    command->callback([&options, &status, whole_ids] { status = run(options, *whole_ids); });
}

} // namespace bulkhead::cli
