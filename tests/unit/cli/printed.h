// SPDX-License-Identifier: Apache-2.0
// What a command prints, as its user sees it.
#pragma once

#include "runtime/base/line.h"
#include "runtime/cli/output.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bulkhead::test {

inline std::string text_of(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) {
        text.append(printable(line)).append("\n"); // as print_line() does
    }
    return text;
}

inline std::string text_of(const nlohmann::ordered_json& json) { return cli::to_text(json); }

} // namespace bulkhead::test
