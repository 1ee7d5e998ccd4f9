// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/doctor.h"

#include "runtime/cli/command.h"
#include "runtime/cli/doctor_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/cli/tone.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

struct DoctorOptions {
    std::vector<std::string> engines;
    bool run = false;
    bool verbose = false;
};

int run(const Options& options, const DoctorOptions& asked) {
    if (const auto entered = enter_node(); !entered) { // paths are to mean what they mean to the engines
        return fail_command("doctor", entered.error());
    }
    doctor::Question question{
        .config = options.config, .state_dir = options.state_dir, .engines = {}, .run = asked.run};
    for (const auto& name : asked.engines) {
        question.engines.push_back(*engines::engine_of(name));
    }
    const auto checks = doctor::examine(question);
    if (options.output == "json") {
        print_json(json_of(checks));
    } else {
        for (const auto& line : lines_of(checks, asked.verbose, wants_colours())) {
            fmt::print("{}\n", line);
        }
    }
    return is_healthy(checks) ? done : something_wrong;
}

} // namespace

void add_doctor(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("doctor", "Prove that containers get the walls that they ask for");
    const auto asked = std::make_shared<DoctorOptions>();
    std::vector<std::string> names;
    std::ranges::transform(engines::all_engines, std::back_inserter(names),
                           [](engines::Engine engine) { return std::string(name_of(engine)); });
    command->add_option("ENGINE", asked->engines, "Which engines: those that are installed if none is named")
        ->check(CLI::IsMember(names));
    command->add_flag("--run", asked->run,
                      "Start a throw-away container with each, and look at its limits from inside");
    command->add_flag("-v,--verbose", asked->verbose, "Say of each link what was looked at");
    command->callback([&options, &status, asked] { status = run(options, *asked); });
}

} // namespace bulkhead::cli
