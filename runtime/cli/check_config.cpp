// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/check_config_output.h"
#include "runtime/cli/command.h"
#include "runtime/cli/output.h"
#include "runtime/policy/config_file.h"

#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

int run(const Options& options) {
    const auto reading = policy::read_config(options.config, policy::Untrusted::read_on);
    print(options, json_of(reading), lines_of(reading, options.config));
    return reading.problems.empty() ? done : something_wrong;
}

} // namespace

void add_check_config(CLI::App& app, const Options& options, int& status) {
    app.add_subcommand("check-config", "Say what is wrong with the node config")->callback([&options, &status] {
        status = run(options);
    });
}

} // namespace bulkhead::cli
