// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/output.h"

#include "runtime/base/line.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

void print_json(const nlohmann::ordered_json& json) {
    constexpr int indent = 2;
    fmt::print("{}\n", json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_line(std::string_view text) { fmt::print("{}\n", printable(text)); }

} // namespace bulkhead::cli
