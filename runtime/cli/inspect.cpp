// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/cli/path_option.h"

#include <algorithm>
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

int show(const Inspection& inspection, const Options& options) {
    if (options.output == "json") {
        print_json(json_of(inspection));
    } else {
        for (const auto& line : lines_of(inspection)) {
            print_line(line);
        }
    }
    return done;
}

int run(const Options& options, const Asked& asked) {
    return on_container("inspect", options, asked.id, asked.bundle,
                        [&](const Inventory& inventory, const Container& container) {
                            return show(inspect(inventory, container, options), options);
                        });
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
