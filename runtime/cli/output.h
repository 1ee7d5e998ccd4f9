// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/cli/command.h"

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::cli {

// Of what every command prints as JSON: another one when a member goes, or comes to mean something else.
inline constexpr int schema_version = 1;

// One JSON value, for programs. What is no UTF-8 (file names, what tenants wrote) is replaced, what is no ASCII
// escaped: UTF-8 has control characters of its own, which a terminal would obey.
[[nodiscard]] std::string to_text(const nlohmann::ordered_json& json);
void print_json(const nlohmann::ordered_json& json);

// A line of what `bulkhead inspect` and `explain` say: a name, and what there is to say of it.
[[nodiscard]] std::string named(std::string_view name, std::string_view text);

// A line for people, without what could move a cursor (base/line.h).
void print_line(std::string_view text);

// One of the two, as options.output says.
void print(const Options& options, const nlohmann::ordered_json& json, const std::vector<std::string>& lines);

} // namespace bulkhead::cli
