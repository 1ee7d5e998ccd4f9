// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/plan.h"

#include "runtime/engines/containerd_config.h"
#include "runtime/engines/daemon.h"
#include "runtime/engines/engine_config.h"
#include "runtime/engines/plan_parts.h"

#include <algorithm>

namespace bulkhead::engines {

std::string drop_in_of(const std::string& main, std::string_view suffix) {
    return main + ".d/50-bulkhead" + std::string(suffix);
}

Result<void> require_sound(const EngineConfig& config) {
    if (config.problems.empty()) {
        return {};
    }
    const auto& problem = config.problems.front();
    return fail(Code::bad_config, problem.file + ": " + problem.reason);
}

namespace {

// An engine looks for a program without a path by its name.
bool is_same(const Node& node, const std::string& program, const std::string& real) {
    return program.contains('/') ? node.program(program) == node.program(real)
                                 : program == std::string_view(real).substr(real.rfind('/') + 1);
}

} // namespace

Result<void> check_real_runtime(Plan& plan, const Node& node, std::string_view called_as, const std::string& program) {
    auto real = node.becomes(called_as);
    if (!real) {
        return std::unexpected(std::move(real).error().in("bulkhead-runtime would have"));
    }
    if (!program.empty() && !is_shim(program) && !is_same(node, program, *real)) {
        plan.notes.push_back("the engine runs " + program + ", and bulkhead-runtime would become " + *real +
                             ": name the first one in runtime.path of the node config (bulkhead.json(5))");
    }
    return {};
}

void check_shim(Plan& plan, const Node& node, std::string_view path) {
    if (!node.program(std::string(path))) {
        plan.notes.push_back(std::string(path) + " is not there, or may not be run: install it before the engine "
                                                 "reads its config");
    }
}

void check_daemons(Plan& plan, const Node& node, const std::string& main, Engine engine) {
    for (const auto& daemon : node.daemons) {
        const auto file = config_of(daemon.arguments).value_or(main_config_of(engine));
        if (file != main) {
            plan.notes.push_back("process " + std::to_string(daemon.pid) + " (" + daemon.arguments.front() +
                                 ") reads " + file + ": name that with --engine-config if it is the one that is meant");
        }
    }
}

Result<FileEdit> edit_file(const std::string& path, std::optional<std::string> now,
                           const std::vector<TomlWish>& wishes) {
    auto after = in_context(path, edit_toml(now ? *now : "", wishes, our_comment));
    if (!after) {
        return std::unexpected(std::move(after).error());
    }
    return FileEdit{.path = path, .before = std::move(now), .after = *std::move(after)};
}

Result<std::optional<std::string>> what_is_left(const std::string& text, const std::vector<TomlWish>& wishes) {
    TRY_ASSIGN(auto left, edit_toml(text, wishes, our_comment));
    const bool nothing = left != text && is_bare(left, our_comment);
    return nothing ? std::nullopt : std::optional(std::move(left));
}

std::vector<std::string> files_of(Engine engine, const std::string& main) {
    switch (engine) {
    case Engine::crio:
    case Engine::podman:
        return {drop_in_of(main, ".conf")};
    case Engine::docker:
        return {main};
    case Engine::containerd:
        break;
    }
    std::vector<std::string> files{main};
    const auto text = read_text(main);
    const auto content = text && *text ? parse_toml(**text) : std::unexpected(Error());
    if (auto drop_in = content ? containerd_drop_in(*content, main) : std::nullopt) {
        files.push_back(*std::move(drop_in));
    }
    return files;
}

namespace {

Result<Plan> plan_for(const Question& question, const Node& node) {
    switch (question.engine) {
    case Engine::crio:
        return plan_crio(question, node);
    case Engine::containerd:
        return plan_containerd(question, node);
    case Engine::podman:
        return plan_podman(question, node);
    case Engine::docker:
        return plan_docker(question, node);
    }
    return Plan();
}

} // namespace

Result<Plan> plan_configure(const Question& question, const Node& node) {
    auto plan = plan_for(question, node);
    if (plan && !node.has_engine) {
        plan->notes.push_back("no program of " + std::string(name_of(question.engine)) + " is installed here");
    }
    return plan;
}

namespace {

Result<std::optional<std::string>> without_us(Engine engine, const std::string& text,
                                              const std::optional<std::string>& before) {
    switch (engine) {
    case Engine::crio:
        return without_crio(text);
    case Engine::containerd:
        return without_containerd(text, before);
    case Engine::podman:
        return without_podman(text, before);
    case Engine::docker:
        return without_docker(text, before);
    }
    return text;
}

} // namespace

Result<Plan> plan_removal(const Question& question) {
    Plan plan;
    for (const auto& path : files_of(question.engine, question.main)) {
        TRY_ASSIGN(auto now, in_context(path, read_text(path)));
        if (!now) {
            plan.edits.push_back({.path = path, .before = {}, .after = {}});
            continue;
        }
        const auto before = question.before_us(path);
        TRY_ASSIGN(auto left, in_context(path, without_us(question.engine, *now, before ? *before : std::nullopt)));
        plan.edits.push_back({.path = path, .before = std::move(now), .after = std::move(left)});
    }
    return plan;
}

} // namespace bulkhead::engines
