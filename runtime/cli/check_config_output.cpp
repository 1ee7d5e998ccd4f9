// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/check_config_output.h"

#include "runtime/cli/output.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

using policy::ConfigReading;

std::vector<std::string> lines_of(const ConfigReading& reading, const std::string& config) {
    std::vector<std::string> lines;
    for (const auto& problem : reading.problems) {
        lines.push_back(problem.error().what);
    }
    if (lines.empty()) {
        lines.push_back(reading.files.empty()
                            ? fmt::format("no config at {}; the built-in defaults are in force", config)
                            : fmt::format("sound: {}", fmt::join(reading.files, ", ")));
    }
    return lines;
}

nlohmann::ordered_json json_of(const ConfigReading& reading) {
    auto problems = nlohmann::ordered_json::array();
    for (const auto& problem : reading.problems) {
        problems.push_back({{"file", problem.file}, {"path", problem.path}, {"reason", problem.reason}});
    }
    return {{"schemaVersion", schema_version},
            {"files", reading.files},
            {"problems", std::move(problems)},
            {"sound", reading.problems.empty()}};
}

} // namespace bulkhead::cli
