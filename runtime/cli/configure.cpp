// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/configure.h"

#include "runtime/base/line.h"
#include "runtime/cli/command.h"
#include "runtime/cli/configure_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/cli/path_option.h"
#include "runtime/engines/engine_config.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/policy/config_file.h"

#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

using engines::ConfigureOutcome;
using engines::ConfigureRequest;

struct Asked {
    std::string engine;
    ConfigureRequest request;
};

// Names of runtimes that the shim looks for. A bad node config has none but the usual ones.
std::vector<std::string> runtimes_of(const std::string& config) {
    return policy::read_config(config).config.runtime.path;
}

Result<ConfigureOutcome> configure(const Options& options, Asked& asked) {
    TRY(need_root("change what engines read"));
    auto& request = asked.request;
    request.engine = *engines::engine_of(asked.engine);
    request.main = request.main.empty() ? engines::main_config_of(request.engine) : request.main;
    const auto node = engines::look_at_node(request.engine, runtimes_of(options.config));
    return engines::configure(request, node, ledger::disk_directory);
}

int run(const Options& options, Asked& asked) {
    const auto outcome = configure(options, asked);
    if (!outcome) {
        return fail_command("configure", outcome.error());
    }
    if (options.output == "json") {
        print_json(json_of(*outcome, asked.request));
        return done;
    }
    fmt::print("{}", asked.request.dry_run ? patch_of(*outcome) : summary_of(*outcome));
    for (const auto& note : outcome->notes) {
        fmt::print(stderr, "{}\n", report_line("configure", note));
    }
    return done;
}

} // namespace

void add_configure(CLI::App& app, const Options& options, int& status) {
    auto* command = app.add_subcommand("configure", "Put bulkhead-runtime before an engine's runtime, in its config");
    const auto asked = std::make_shared<Asked>();
    command->add_option("engine", asked->engine, "crio, containerd, podman or docker")
        ->required()
        ->type_name("ENGINE")
        ->check(CLI::IsMember({"crio", "containerd", "podman", "docker"}));
    command->add_flag("-n,--dry-run", asked->request.dry_run, "Print the change as a diff, and do nothing");
    command->add_flag("--default", asked->request.make_default, "Make it what containers get that ask for no runtime");
    command->add_flag("--remove", asked->request.remove, "Take it out again")->excludes("--default");
    command->add_option("--engine-config", asked->request.main, "The engine's main config, where it is another one")
        ->type_name("FILE")
        ->transform(absolute_path);
    command->callback([&options, &status, asked] { status = run(options, *asked); });
}

} // namespace bulkhead::cli
