// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/unknown_command.h"

#include "runtime/base/error.h"
#include "runtime/base/line.h"
#include "runtime/base/nearest.h"

#include <algorithm>
#include <vector>

namespace bulkhead::cli {

std::optional<std::string> unknown_command(const CLI::App& app, std::string_view word) {
    std::vector<std::string> commands;
    for (const auto* const command : app.get_subcommands([](const CLI::App*) { return true; })) {
        commands.push_back(command->get_name());
    }
    if (word.starts_with('-') || std::ranges::find(commands, word) != commands.end()) {
        return std::nullopt;
    }
    const std::vector<std::string_view> known(commands.begin(), commands.end());
    const auto meant = nearest(word, known);
    const auto mend = meant.empty() ? "see bulkhead --help" : "did you mean " + std::string(meant) + "?";
    return printable("bulkhead: unknown command " + in_quotes(word) + "; " + mend);
}

} // namespace bulkhead::cli
