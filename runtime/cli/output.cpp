// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/output.h"

#include "runtime/base/line.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

std::string to_text(const nlohmann::ordered_json& json) {
    constexpr int indent = 2;
    return json.dump(indent, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void print_json(const nlohmann::ordered_json& json) { fmt::print("{}", to_text(json)); }

std::string named(std::string_view name, std::string_view text) { return fmt::format("{:<18}{}", name, text); }

void print_line(std::string_view text) { fmt::print("{}\n", printable(text)); }

void print(const Options& options, const nlohmann::ordered_json& json, const std::vector<std::string>& lines) {
    if (options.output == "json") {
        print_json(json);
        return;
    }
    for (const auto& line : lines) {
        print_line(line);
    }
}

} // namespace bulkhead::cli
