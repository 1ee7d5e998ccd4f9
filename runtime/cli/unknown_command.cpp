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
    const std::string program = "bulkhead";
    const auto above = app.get_name() == program ? "" : app.get_name();
    const auto mend = meant.empty() ? "see " + program + (above.empty() ? "" : " " + above) + " --help"
                                    : "did you mean " + std::string(meant) + "?";
    return printable(program + ": " + (above.empty() ? "" : above + ": ") + "unknown command " + in_quotes(word) +
                     "; " + mend);
}

} // namespace bulkhead::cli
