// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/measurement.h"
#include "runtime/cli/metrics_file.h"
#include "runtime/cli/node.h"
#include "runtime/policy/config_file.h"

#include <fmt/format.h>
#include <memory>
#include <optional>

namespace bulkhead::cli {

namespace {

struct Asked {
    std::string format = "openmetrics"; // or "prometheus"
    std::string file;                   // empty: standard output
    bool per_container = false;
};

Result<Measurement> measure(const Options& options) {
    Measurement measurement{.inventory = {}, .counters = {}, .config_sound = true, .version = options.version};
    measurement.config_sound = policy::read_config(options.config).problems.empty();
    TRY(enter_node());
    TRY_ASSIGN(measurement.inventory, look_at_node(options));
    TRY_ASSIGN(measurement.counters, ledger::read_counters(options.state_dir));
    return measurement;
}

Result<void> print(const Options& options, const Asked& asked) {
    TRY(need_root("see what containers hold"));
    // Before PID 1's mount namespace is entered: where a unit may write is what its own one says.
    std::optional<MetricsFile> file;
    if (!asked.file.empty()) {
        TRY_ASSIGN(file, in_context(asked.file, MetricsFile::open(asked.file)));
    }
    TRY_ASSIGN(const auto measurement, measure(options));
    const auto text = to_text(metrics_of(measurement, asked.per_container ? Detail::containers : Detail::node),
                              asked.format == "prometheus" ? TextFormat::prometheus : TextFormat::openmetrics);
    if (file) {
        return in_context(asked.file, file->replace(text));
    }
    fmt::print("{}", text);
    return {};
}

int run(const Options& options, const Asked& asked) {
    const auto printed = print(options, asked);
    return printed ? done : fail_command("metrics", printed.error());
}

} // namespace

void add_metrics(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("metrics", "What containers hold and what was refused, for Prometheus");
    const auto asked = std::make_shared<Asked>();
    command->add_option("--format", asked->format, "The text format")
        ->check(CLI::IsMember({"openmetrics", "prometheus"}))
        ->capture_default_str();
    command->add_option("--output-file", asked->file, "Replace this file as a whole, in place of standard output")
        ->type_name("FILE")
        ->check([](const std::string& path) { return std::string(path.empty() ? "needs a path" : ""); });
    command->add_flag("--per-container", asked->per_container, "Of each container as well, with its names as labels");
    command->callback([&options, &status, asked] { status = run(options, *asked); });
}

} // namespace bulkhead::cli
