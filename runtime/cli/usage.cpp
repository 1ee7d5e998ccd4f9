// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/usage.h"

#include "runtime/base/line.h"
#include "runtime/cli/unknown_command.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace bulkhead::cli {

namespace {

// The command that was given, and the one below it.
std::vector<const CLI::App*> given(const CLI::App& app) {
    std::vector<const CLI::App*> path{&app};
    while (!path.back()->get_subcommands().empty()) {
        path.push_back(path.back()->get_subcommands().back());
    }
    return path;
}

// CLI11's own words are sentences: "A subcommand is required", "The following argument was not expected: x".
std::string within_a_line(std::string text) {
    if (text.size() > 1 && std::isupper(static_cast<unsigned char>(text[0])) != 0 &&
        (text[1] == ' ' || std::islower(static_cast<unsigned char>(text[1])) != 0)) {
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    }
    return text;
}

// Of a word where a command is missing CLI11 says only the latter.
std::optional<std::string> unknown_word(const CLI::App& app, const CLI::App& command) {
    const auto words = app.remaining(true);
    const auto word = std::ranges::find_if(words, [](const std::string& each) { return !each.starts_with('-'); });
    return command.get_require_subcommand_min() > 0 && word != words.end() ? unknown_command(command, *word)
                                                                           : std::nullopt;
}

} // namespace

std::string HelpFormatter::make_footer(const CLI::App* app) const {
    const auto* program = app;
    while (program->get_parent() != nullptr) {
        program = program->get_parent();
    }
    if (program == app) {
        return Formatter::make_footer(app);
    }
    const auto options = program->get_options([&](const CLI::Option* option) {
        return option != program->get_help_ptr() && option != program->get_version_ptr();
    });
    // Behind an empty line of its own.
    return make_group("Options of every command", false, options).substr(1) + Formatter::make_footer(app);
}

std::string usage_error(const CLI::App& app, const CLI::Error& error) {
    const auto path = given(app);
    if (auto unknown = unknown_word(app, *path.back())) {
        return *unknown + "\n";
    }
    std::string before;
    std::string command;
    for (const auto* const each : path) {
        before.append(each->get_name()).append(": ");
        command.append(each->get_name()).append(" ");
    }
    return printable(before + within_a_line(error.what()) + "; see " + command + "--help") + "\n";
}

} // namespace bulkhead::cli
