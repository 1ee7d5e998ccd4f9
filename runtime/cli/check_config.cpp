// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/output.h"
#include "runtime/policy/config_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

using policy::ConfigReading;

void print_as_json(const ConfigReading& reading) {
    auto problems = nlohmann::ordered_json::array();
    for (const auto& problem : reading.problems) {
        problems.push_back({{"file", problem.file}, {"path", problem.path}, {"reason", problem.reason}});
    }
    print_json({{"schemaVersion", schema_version},
                {"files", reading.files},
                {"problems", std::move(problems)},
                {"sound", reading.problems.empty()}});
}

void print_as_lines(const ConfigReading& reading, const std::string& config) {
    for (const auto& problem : reading.problems) {
        print_line(problem.error().what);
    }
    if (reading.problems.empty()) {
        print_line(reading.files.empty() ? fmt::format("no config at {}; the built-in defaults are in force", config)
                                         : fmt::format("sound: {}", fmt::join(reading.files, ", ")));
    }
}

int run(const Options& options) {
    const auto reading = policy::read_config(options.config, policy::Untrusted::read_on);
    options.output == "json" ? print_as_json(reading) : print_as_lines(reading, options.config);
    return reading.problems.empty() ? done : something_wrong;
}

} // namespace

void add_check_config(CLI::App& app, const Options& options, int& status) {
    app.add_subcommand("check-config", "Say what is wrong with the node config")->callback([&options, &status] {
        status = run(options);
    });
}

} // namespace bulkhead::cli
