// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/doctor.h"

#include "runtime/base/line.h"
#include "runtime/cli/command.h"
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/output.h"
#include "runtime/sys/namespace.h"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

using doctor::Check;
using doctor::Verdict;

struct DoctorOptions {
    std::vector<std::string> engines;
    bool run = false;
    bool verbose = false;
};

void print_as_json(const std::vector<Check>& checks) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& check : checks) {
        list.push_back({{"id", check.id},
                        {"engine", check.engine},
                        {"looked", check.looked},
                        {"verdict", name_of(check.finding.verdict)},
                        {"reason", check.finding.reason},
                        {"mend", check.finding.mend}});
    }
    print_json({{"schemaVersion", schema_version}, {"checks", std::move(list)}, {"healthy", is_healthy(checks)}});
}

std::string summary_of(const std::vector<Check>& checks) {
    const auto count = [&](Verdict verdict) {
        return std::ranges::count_if(checks, [&](const Check& check) { return check.finding.verdict == verdict; });
    };
    return fmt::format("{} ok, {} warnings, {} failed, {} skipped", count(Verdict::ok), count(Verdict::warning),
                       count(Verdict::failed), count(Verdict::skipped));
}

// Of an ok one, what was looked at is said only where that was asked for.
void print_check(const Check& check, bool verbose) {
    const auto& [verdict, reason, mend] = check.finding;
    const auto link = check.id.substr(check.engine.size() + 1);
    const auto& text = reason.empty() && verbose ? check.looked : reason;
    print_line(fmt::format("  {:<8} {:<{}}{}", name_of(verdict), link, text.empty() ? 0 : 20, text));
    if (verbose && !reason.empty()) {
        print_line("           looked at: " + check.looked);
    }
    if (!mend.empty()) {
        print_line("           mend: " + mend);
    }
}

void print_as_table(const std::vector<Check>& checks, bool verbose) {
    std::string engine;
    for (const auto& check : checks) {
        if (check.engine != engine) {
            engine = check.engine;
            print_line(engine);
        }
        print_check(check, verbose);
    }
    print_line(summary_of(checks));
}

// Paths are to mean what they mean to the engines.
Result<void> get_ready() {
    if (::geteuid() != 0) {
        return fail(Code::not_allowed, "only root can see all that is to be looked at");
    }
    return sys::enter_mount_namespace_of_init();
}

int run(const Options& options, const DoctorOptions& asked) {
    if (const auto ready = get_ready(); !ready) {
        fmt::print(stderr, "{}\n", report_line("doctor", ready.error().what));
        return something_wrong;
    }
    doctor::Question question{
        .config = options.config, .state_dir = options.state_dir, .engines = {}, .run = asked.run};
    for (const auto& name : asked.engines) {
        question.engines.push_back(*engines::engine_of(name));
    }
    const auto checks = doctor::examine(question);
    options.output == "json" ? print_as_json(checks) : print_as_table(checks, asked.verbose);
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
