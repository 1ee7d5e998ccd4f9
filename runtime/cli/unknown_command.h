// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::cli {

// What to say of the first word of a command line that is no command and no option, with the command that may be meant;
// nullopt where it is one. (CLI11 says only that a command is missing.)
[[nodiscard]] std::optional<std::string> unknown_command(const CLI::App& app, std::string_view word);

} // namespace bulkhead::cli
