// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/completion.h"
#include "runtime/cli/output.h"
#include "runtime/cli/path_option.h"
#include "runtime/cli/unknown_command.h"
#include "runtime/cli/usage.h"
#include "runtime/sys/signals.h"

#include <CLI/Config.hpp>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int wrong_usage = 2;

void add_global_options(CLI::App& app, bulkhead::cli::Options& options) {
    app.require_subcommand(1);
    app.formatter(std::make_shared<bulkhead::cli::HelpFormatter>());
    app.failure_message(
        [](const CLI::App* program, const CLI::Error& error) { return bulkhead::cli::usage_error(*program, error); });
    app.fallthrough(); // they may follow the command
    app.add_option("--config", options.config, "The node config")
        ->type_name("FILE")
        ->transform(bulkhead::cli::absolute_path)
        ->capture_default_str();
    app.add_option("--state-dir", options.state_dir, "Where receipts are")
        ->type_name("DIR")
        ->transform(bulkhead::cli::absolute_path)
        ->capture_default_str();
    app.add_option("-o,--output", options.output, "How to print")
        ->type_name("FORMAT")
        ->check(CLI::IsMember({"table", "json"}))
        ->capture_default_str();
}

// What the shells' completions call: `bulkhead __complete WORD...`.
constexpr std::string_view completion_command = "__complete";

void print_completion(const CLI::App& app, const std::string& state_dir, const std::vector<std::string>& words) {
    const auto values = [&](std::string_view type) { return bulkhead::cli::values_on_node(type, words, state_dir); };
    fmt::print("{}", bulkhead::cli::to_text(bulkhead::cli::complete(app, words, values)));
}

void print_version(const bulkhead::cli::Options& options) {
    bulkhead::cli::print(options, {{"schemaVersion", bulkhead::cli::schema_version}, {"version", options.version}},
                         {"bulkhead " + options.version});
}

int run(int argc, char** argv) {
    CLI::App app("What containers may take from this node, and what they left", "bulkhead");
    bulkhead::cli::Options options{.version = BULKHEAD_VERSION};
    int status = bulkhead::cli::done;
    add_global_options(app, options);
    app.set_version_flag("--version", "bulkhead " BULKHEAD_VERSION);
    bulkhead::cli::add_list(app, options, status);
    bulkhead::cli::add_inspect(app, options, status);
    bulkhead::cli::add_top(app, options, status);
    bulkhead::cli::add_segment(app, options, status);
    bulkhead::cli::add_check_config(app, options, status);
    bulkhead::cli::add_configure(app, options, status);
    bulkhead::cli::add_doctor(app, options, status);
    bulkhead::cli::add_explain(app, options, status);
    bulkhead::cli::add_gc(app, options, status);
    bulkhead::cli::add_metrics(app, options, status);
    app.add_subcommand("version", "Print the version")->callback([&options] { print_version(options); });
    if (argc > 1 && argv[1] == completion_command) {
        print_completion(app, options.state_dir, {argv + 2, argv + argc});
        return status;
    }
    if (const auto complaint = bulkhead::cli::unknown_command(app, argc > 1 ? argv[1] : "-")) {
        fmt::print(stderr, "{}\n", *complaint);
        return wrong_usage;
    }
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : wrong_usage;
    }
    return status;
}

} // namespace

int main(int argc, char** argv) {
    bulkhead::sys::set_signals_for_work();
    try {
        const int status = run(argc, argv);
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) { // or it failed when it was printed
            std::perror("bulkhead: standard output");
            return bulkhead::cli::something_wrong;
        }
        return status;
    } catch (const std::exception& error) {
        std::cerr << "bulkhead: " << error.what() << '\n';
        return bulkhead::cli::something_wrong;
    }
}
