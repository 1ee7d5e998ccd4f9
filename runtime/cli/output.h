// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace bulkhead::cli {

// One JSON value, for programs. What is no UTF-8 (file names, what tenants wrote) is replaced.
void print_json(const nlohmann::ordered_json& json);

// A line for people, without what could move a cursor (base/line.h).
void print_line(std::string_view text);

} // namespace bulkhead::cli
