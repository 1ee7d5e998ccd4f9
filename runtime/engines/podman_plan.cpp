// SPDX-License-Identifier: Apache-2.0
// A drop-in for containers.conf(5): before the paths of crun and runc, the shim's. podman remembers of a container the
// runtime's name alone, so containers that were made before go through the shim from their next start on, and, when it
// is taken away, do not.
#include "runtime/engines/plan_parts.h"
#include "runtime/engines/podman_config.h"

#include <algorithm>

namespace bulkhead::engines {

namespace {

TomlPath runtime_path(const std::string& name) { return {"engine", "runtimes", name}; }

std::string shim_of(const std::string& name) { return std::string(shim_directory) + "/" + name; }

// Those that exist, each program once: /bin is /usr/bin on most machines.
std::vector<std::string> existing(const std::vector<std::string>& paths, const Node& node) {
    std::vector<std::string> there;
    std::vector<std::pair<dev_t, ino_t>> seen;
    for (const auto& path : paths) {
        const auto program = node.program(path);
        if (program && std::ranges::find(seen, *program) == seen.end()) {
            seen.push_back(*program);
            there.push_back(path);
        }
    }
    return there;
}

// What podman would have for `name` if our drop-in were not there: the admin's own list as it stands.
std::vector<std::string> real_paths(const Toml& others, const std::string& name, const Node& node) {
    auto paths = others.strings_at(runtime_path(name));
    std::erase_if(paths, [](const std::string& path) { return is_shim(path); });
    return paths.empty() ? existing(built_in_paths(name), node) : paths;
}

void note_default(Plan& plan, const Toml& merged, bool asked) {
    const auto runtime = merged.string_at({"engine", "runtime"});
    if (!runtime.empty() && runtime != "crun" && runtime != "runc") {
        plan.notes.push_back("podman's default runtime is " + in_quotes(runtime) +
                             ", which passes the shim by; write runtime = \"crun\" (or \"runc\") below [engine]");
    } else if (asked) {
        plan.notes.push_back("podman takes the shim for all its containers, with or without --default");
    }
}

// A later drop-in has the last word.
void note_overrides(Plan& plan, const TomlFiles& files, const std::string& drop_in) {
    for (const auto& file : files.files()) {
        for (const auto* const name : {"crun", "runc"}) {
            const auto paths = file.content.strings_at(runtime_path(name));
            if (file.path > drop_in && file.path.starts_with(drop_in.substr(0, drop_in.rfind('/') + 1)) &&
                !paths.empty() && !is_shim(paths.front())) {
                plan.notes.push_back(file.path + " comes after " + drop_in + " and takes the shim away again from " +
                                     name);
            }
        }
    }
}

} // namespace

Result<Plan> plan_podman(const Question& question, const Node& node) {
    EngineConfig config;
    TomlFiles files(config);
    read_podman_files(files, question.main);
    TRY(require_sound(config));
    const auto drop_in = files_of(Engine::podman, question.main).front();
    const auto merged = files.without(drop_in).merged({});

    Plan plan;
    std::vector<TomlWish> wishes;
    for (const std::string name : {"crun", "runc"}) {
        auto paths = real_paths(merged, name, node);
        // Not for one that is not installed: podman takes the first of them that it finds, and would find the shim.
        if (const auto there = existing(paths, node); !there.empty()) {
            TRY(check_real_runtime(plan, node, shim_of(name), there.front()));
            check_shim(plan, node, shim_of(name));
            paths.insert(paths.begin(), shim_of(name));
            wishes.push_back({.path = runtime_path(name), .value = Toml::of(paths)});
        }
    }
    if (wishes.empty()) {
        return fail(Code::unsupported, "podman has neither crun nor runc");
    }
    TRY_ASSIGN(auto now, in_context(drop_in, read_text(drop_in)));
    TRY_ASSIGN(auto edit, edit_file(drop_in, std::move(now), wishes));
    plan.edits.push_back(std::move(edit));
    note_default(plan, merged, question.make_default);
    note_overrides(plan, files, drop_in);
    return plan;
}

Result<std::optional<std::string>> without_podman(const std::string& text, const std::optional<std::string>& before) {
    TRY_ASSIGN(const auto root, parse_toml(text));
    const auto earlier = before ? parse_toml(*before) : Result<Toml>(Toml());
    std::vector<TomlWish> wishes;
    for (const std::string name : {"crun", "runc"}) {
        auto paths = root.strings_at(runtime_path(name));
        if (std::erase_if(paths, [](const std::string& path) { return is_shim(path); }) == 0) {
            continue;
        }
        const auto* const own = earlier ? earlier->find(runtime_path(name)) : nullptr;
        wishes.push_back({.path = runtime_path(name), .value = own != nullptr ? std::optional(*own) : std::nullopt});
    }
    return what_is_left(text, wishes);
}

} // namespace bulkhead::engines
