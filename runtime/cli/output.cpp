// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/output.h"

#include "runtime/base/line.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

void print_json(const nlohmann::ordered_json& json) {
    constexpr int indent = 2;
    fmt::print("{}\n", json.dump(indent, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
}

std::string named(std::string_view name, std::string_view text) { return fmt::format("{:<18}{}", name, text); }

void print_line(std::string_view text) { fmt::print("{}\n", printable(text)); }

} // namespace bulkhead::cli
