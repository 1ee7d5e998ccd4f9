// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/daemon.h"

#include "runtime/doctor/runtimes.h"
#include "runtime/engines/daemon.h"
#include "runtime/engines/program.h"
#include "runtime/sys/process.h"

#include <algorithm>

namespace bulkhead::doctor {

namespace {

using engines::Engine;
using engines::EngineConfig;

bool is_dockers(const std::string& config) {
    return config.starts_with("/run/docker/") || config.starts_with("/var/run/docker/");
}

// The newest of the files that the config is made of, where it is newer than the daemon.
std::optional<std::string> file_newer_than(const EngineConfig& config, const Daemon& daemon) {
    const auto started = sys::started_at(daemon.process);
    for (const auto& file : config.files) {
        if (const auto times = sys::times_of(file); times && times->modified > started) {
            return file;
        }
    }
    return std::nullopt;
}

std::string restart(Engine engine) {
    return std::string("systemctl restart ").append(name_of(engine)).append(" (containers go on running)");
}

Finding judge_age(const EngineConfig& config, const Daemon& daemon) {
    const auto file = file_newer_than(config, daemon);
    return file ? failed(*file + " was changed after the daemon was started, which does not know of it",
                         restart(config.engine))
                : well();
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// dockerd reads its runtimes again at SIGHUP, so its age says nothing; it can be asked.
Finding judge_docker(const EngineConfig& config, const Daemon& daemon) {
    const auto client = engines::find_program("docker");
    const std::string format = "{{.DefaultRuntime}}\n{{range $name, $runtime := .Runtimes}}{{$name}} "
                               "{{$runtime.Path}}\n{{end}}";
    const auto said = client ? sys::run_program({*client, "info", "--format", format}, std::chrono::seconds(10))
                             : fail(Code::unsupported, "no docker");
    if (!said || said->status != 0) {
        return judge_age(config, daemon);
    }
    const auto* const mend = "systemctl reload docker";
    for (const auto& runtime : config.runtimes) {
        if (is_ours(runtime) && !has_line(said->output, runtime.name + " " + runtime.paths.front())) {
            return failed("dockerd does not know of " + runtime.name + ", which was configured after it was started",
                          mend);
        }
    }
    return said->output.starts_with(config.default_runtime + "\n")
               ? well()
               : failed("dockerd does not know yet that its default runtime is " + config.default_runtime, mend);
}

} // namespace

bool runs(std::string_view name) { return !engines::nodes_processes(name).empty(); }

std::optional<Daemon> find_daemon(Engine engine) {
    std::optional<Daemon> other;
    if (engine == Engine::podman) {
        return other;
    }
    for (const auto& process : engines::nodes_processes(engines::program_name(engine))) {
        const auto arguments = process.command_line().value_or(std::vector<std::string>());
        Daemon daemon{.process = process.identity(), .config = engines::config_of(arguments).value_or("")};
        if (daemon.config.empty() || daemon.config == engines::main_config_of(engine)) {
            return daemon;
        }
        if (!is_dockers(daemon.config)) {
            other = std::move(daemon);
        }
    }
    return other;
}

void check_daemon(Section& section, const EngineConfig& config, const std::optional<Daemon>& daemon) {
    if (!daemon) {
        section.add("daemon", std::string(engines::program_name(config.engine)), skipped("does not run"));
        return;
    }
    const auto looked = "process " + std::to_string(daemon->process.pid);
    if (shim_use(config) == ShimUse::none) {
        section.add("daemon", looked, well());
        return;
    }
    section.add("daemon", looked,
                config.engine == Engine::docker ? judge_docker(config, *daemon) : judge_age(config, *daemon));
}

} // namespace bulkhead::doctor
