// SPDX-License-Identifier: Apache-2.0
// A drop-in for crio.conf(5): a handler "bulkhead" that is the default one in everything but its runtime_path. Its
// allowed_annotations are the default one's as well: they are about keys of CRI-O's own, and CRI-O does not take a
// handler that has others there ("invalid allowed_annotation"); all other keys it hands on anyway.
#include "runtime/engines/crio_config.h"
#include "runtime/engines/plan_parts.h"

#include <algorithm>

namespace bulkhead::engines {

namespace {

const TomlPath default_key{"crio", "runtime", "default_runtime"};

TomlPath handler_path(std::string_view name) {
    auto path = crio_handlers();
    path.emplace_back(name);
    return path;
}

// The handler that ours is like, and what it runs.
struct Source {
    std::string name;
    std::string program;
    Toml table;
};

// CRI-O has one built in, up to 1.30 runc, from 1.31 on crun. Which one it is, nothing here says.
std::string likely_default(const Toml& others, const Node& node) {
    for (const auto* const name : {"crun", "runc"}) {
        if (others.find(handler_path(name)) != nullptr) {
            return name;
        }
    }
    return node.becomes("crun") ? "crun" : "runc";
}

Result<Source> find_source(const Toml& others, const Node& node, bool make_default) {
    Source source{.name = others.string_at(default_key), .program = "", .table = {}};
    if (source.name.empty()) {
        if (make_default) {
            return fail(Code::bad_config, "which runtime is CRI-O's default is not in its config, and containers of "
                                          "that one must find theirs; write default_runtime and its table there "
                                          "(`crio config` prints them)");
        }
        source.name = likely_default(others, node);
    }
    if (const auto* const table = others.find(handler_path(source.name))) {
        source.table = *table;
    } else {
        source.table.set(TomlPath{"runtime_type"}, Toml::of("oci"));
        source.table.set(TomlPath{"runtime_root"}, Toml::of("/run/" + source.name));
    }
    source.program = source.table.string_at({"runtime_path"});
    return source;
}

// "crun" or "runc": as which the shim is called for it.
Result<std::string> kind_of(const Source& source) {
    const auto& program = source.program.empty() ? source.name : source.program;
    auto name = program.substr(program.rfind('/') + 1); // npos + 1 is 0
    if ((name != "crun" && name != "runc") || source.table.string_at({"runtime_type"}) == "vm") {
        return fail(Code::bad_config, "CRI-O's default runtime " + in_quotes(source.name) + " is " +
                                          in_quotes(program) + ", which the shim cannot stand before");
    }
    return name;
}

Toml handler_like(const Source& source, const std::string& shim) {
    auto handler = source.table;
    handler.remove(TomlPath{"platform_runtime_paths"}); // they go before runtime_path
    handler.remove(TomlPath{"inherit_default_runtime"});
    handler.set(TomlPath{"runtime_path"}, Toml::of(shim));
    return handler;
}

std::vector<TomlWish> wishes_for(const Toml& handler, const Toml* present) {
    if (present == nullptr) {
        return {{.path = handler_path(shim_runtime), .value = handler}};
    }
    std::vector<TomlWish> wishes;
    for (const auto& [key, value, place] : handler.members) {
        auto path = handler_path(shim_runtime);
        path.push_back(key);
        wishes.push_back({.path = std::move(path), .value = value});
    }
    return wishes;
}

void note_override(Plan& plan, TomlFiles files, const std::string& drop_in, const Toml& written) {
    for (auto& file : files.files()) {
        if (file.path == drop_in) {
            file.content = written;
        }
    }
    const auto last = files.last_with(default_key);
    if (written.find(default_key) != nullptr && last > drop_in) {
        plan.notes.push_back(last + " comes after " + drop_in + " and has another default_runtime");
    }
}

// Our drop-in as it lies there.
struct DropIn {
    std::string path;
    std::optional<std::string> text; // nullopt: it does not
    Toml content;

    [[nodiscard]] const Toml* handler() const { return content.find(handler_path(shim_runtime)); }
};

Result<DropIn> read_drop_in(const std::string& main) {
    DropIn drop_in{.path = files_of(Engine::crio, main).front(), .text = {}, .content = {}};
    TRY_ASSIGN(drop_in.text, in_context(drop_in.path, read_text(drop_in.path)));
    if (drop_in.text) {
        TRY_ASSIGN(drop_in.content, in_context(drop_in.path, parse_toml(*drop_in.text)));
    }
    const auto* const ours = drop_in.handler();
    return ours == nullptr || is_shim(ours->string_at({"runtime_path"}))
               ? Result<DropIn>(std::move(drop_in))
               : fail(Code::bad_config, drop_in.path + ": its handler \"bulkhead\" is not the shim; take it away");
}

} // namespace

Result<Plan> plan_crio(const Question& question, const Node& node) {
    EngineConfig config;
    TomlFiles files(config);
    read_crio_files(files, question.main);
    TRY(require_sound(config));
    TRY_ASSIGN(auto drop_in, read_drop_in(question.main));
    const auto others = files.without(drop_in.path);
    const auto merged = others.merged(crio_rules());
    if (merged.find(handler_path(shim_runtime)) != nullptr) {
        return fail(Code::bad_config, others.last_with(handler_path(shim_runtime)) +
                                          ": has a handler \"bulkhead\" that is not of configure; rename it");
    }

    Plan plan;
    TRY_ASSIGN(const auto source, find_source(merged, node, question.make_default));
    TRY_ASSIGN(const auto kind, kind_of(source));
    const auto shim = std::string(shim_directory) + "/" + kind;
    TRY(check_real_runtime(plan, node, shim, source.program));
    check_shim(plan, node, shim);
    check_daemons(plan, node, question.main, Engine::crio);

    std::vector<TomlWish> wishes;
    if (question.make_default) {
        wishes.push_back({.path = default_key, .value = Toml::of(shim_runtime)});
    }
    std::ranges::move(wishes_for(handler_like(source, shim), drop_in.handler()), std::back_inserter(wishes));
    TRY_ASSIGN(auto edit, edit_file(drop_in.path, std::move(drop_in.text), wishes));
    TRY_ASSIGN(const auto written, parse_toml(*edit.after));
    plan.edits.push_back(std::move(edit));
    note_override(plan, std::move(files), drop_in.path, written);
    return plan;
}

Result<std::optional<std::string>> without_crio(const std::string& text) {
    TRY_ASSIGN(const auto root, parse_toml(text));
    std::vector<TomlWish> wishes;
    if (root.string_at(default_key) == shim_runtime) {
        wishes.push_back({.path = default_key, .value = {}});
    }
    if (const auto* const ours = root.find(handler_path(shim_runtime));
        ours != nullptr && is_shim(ours->string_at({"runtime_path"}))) {
        wishes.push_back({.path = handler_path(shim_runtime), .value = {}});
    }
    return what_is_left(text, wishes);
}

} // namespace bulkhead::engines
