// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/configure.h"

#include "runtime/base/line.h"
#include "runtime/base/unified_diff.h"
#include "runtime/cli/command.h"
#include "runtime/cli/output.h"
#include "runtime/cli/path_option.h"
#include "runtime/engines/engine_config.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/policy/config_file.h"

#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

using engines::ConfigureOutcome;
using engines::ConfigureRequest;
using engines::FileEdit;

struct Asked {
    std::string engine;
    ConfigureRequest request;
};

void complain(std::string_view text) { fmt::print(stderr, "{}\n", report_line("configure", text)); }

// A config's own line: tabs, UTF-8 and the carriage return at its end stay, which patch(1) must get.
std::string shown(std::string_view line) {
    std::string text(line);
    const auto end = text.ends_with('\r') ? text.size() - 1 : text.size();
    for (std::size_t each = 0; each < end; ++each) {
        const auto byte = static_cast<unsigned char>(text[each]);
        const bool c1 = byte == 0xC2 && each + 1 < end && (static_cast<unsigned char>(text[each + 1]) & 0xE0U) == 0x80U;
        if ((byte < ' ' && byte != '\t') || byte == 0x7F || c1) {
            text[each] = '?';
        }
    }
    return text;
}

void print_diff(std::string_view diff) {
    while (!diff.empty()) {
        const auto line = diff.substr(0, diff.find('\n'));
        fmt::print("{}\n", shown(line));
        diff.remove_prefix(std::min(diff.size(), line.size() + 1));
    }
}

std::string diff_of(const FileEdit& edit) { return unified_diff(edit.path, edit.before, edit.after); }

std::string_view action_of(const FileEdit& edit) {
    return !edit.changes() ? "none" : !edit.before ? "create" : !edit.after ? "delete" : "edit";
}

void print_as_json(const ConfigureOutcome& outcome, const Asked& asked) {
    auto files = nlohmann::ordered_json::array();
    for (const auto& edit : outcome.edits) {
        files.push_back({{"path", edit.path}, {"action", action_of(edit)}, {"diff", diff_of(edit)}});
    }
    print_json({{"schemaVersion", schema_version},
                {"engine", asked.engine},
                {"dryRun", asked.request.dry_run},
                {"changed", outcome.changes()},
                {"files", std::move(files)},
                {"notes", outcome.notes},
                {"next", outcome.changes() ? outcome.next : ""}});
}

void print_files(const ConfigureOutcome& outcome) {
    for (const auto& edit : outcome.edits) {
        if (edit.changes()) {
            print_line(fmt::format("{} {}", !edit.after ? "removed" : !edit.before ? "wrote" : "changed", edit.path));
        }
    }
    if (!outcome.changes()) {
        print_line("nothing to do");
    } else if (outcome.next.empty()) {
        print_line("there is nothing to restart");
    } else {
        print_line(fmt::format("now run: {}", outcome.next));
    }
}

void print_as_lines(const ConfigureOutcome& outcome, bool dry_run) {
    if (dry_run) {
        for (const auto& edit : outcome.edits) {
            print_diff(diff_of(edit));
        }
    } else {
        print_files(outcome);
    }
    for (const auto& note : outcome.notes) {
        complain(note);
    }
}

// Names of runtimes that the shim looks for. A bad node config has none but the usual ones.
std::vector<std::string> runtimes_of(const std::string& config) {
    return policy::read_config(config).config.runtime.path;
}

Result<ConfigureOutcome> configure(const Options& options, Asked& asked) {
    if (::geteuid() != 0) {
        return fail(Code::not_allowed, "only root can change what engines read");
    }
    auto& request = asked.request;
    request.engine = *engines::engine_of(asked.engine);
    request.main = request.main.empty() ? engines::main_config_of(request.engine) : request.main;
    const auto node = engines::look_at_node(request.engine, runtimes_of(options.config));
    return engines::configure(request, node, ledger::disk_directory);
}

int run(const Options& options, Asked& asked) {
    const auto outcome = configure(options, asked);
    if (!outcome) {
        complain(outcome.error().what);
        return something_wrong;
    }
    if (options.output == "json") {
        print_as_json(*outcome, asked);
    } else {
        print_as_lines(*outcome, asked.request.dry_run);
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
