// SPDX-License-Identifier: Apache-2.0
// Help, and what is said of a command line that is wrong.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Formatter.hpp>
#include <string>

namespace bulkhead::cli {

// The help of a command ends with the options that all commands take.
class HelpFormatter : public CLI::Formatter {
public:
    [[nodiscard]] std::string make_footer(const CLI::App* app) const override;
};

// "bulkhead: COMMAND: what is wrong; see bulkhead COMMAND --help". `app` is the program's, after it parsed in vain.
[[nodiscard]] std::string usage_error(const CLI::App& app, const CLI::Error& error);

} // namespace bulkhead::cli
