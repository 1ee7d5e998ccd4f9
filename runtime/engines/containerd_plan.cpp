// SPDX-License-Identifier: Apache-2.0
// A runtime handler "bulkhead" for containerd's CRI plugin: the default one with another program. Before containerd 2.0
// a file that is imported replaces whole sections, so there the main file itself is edited.
#include "runtime/engines/containerd_config.h"
#include "runtime/engines/plan_parts.h"

#include <algorithm>

namespace bulkhead::engines {

namespace {

constexpr std::string_view runc_type = "io.containerd.runc.v2";
constexpr int newest_version = 4;

TomlPath runtime_path(int version, std::string_view name) {
    auto path = cri_path(version, {"containerd", "runtimes"});
    path.emplace_back(name);
    return path;
}

TomlPath default_path(int version) { return cri_path(version, {"containerd", "default_runtime_name"}); }

TomlPath below(TomlPath path, std::initializer_list<std::string> keys) {
    path.insert(path.end(), keys);
    return path;
}

// What Go has anyway: as good as not said. containerd 1.6 writes all of it into its default config.
bool is_zero(const Toml& value) {
    switch (value.kind) {
    case Toml::Kind::table:
        return std::ranges::all_of(value.members, [](const TomlMember& each) { return is_zero(each.value); });
    case Toml::Kind::array:
        return value.elements.empty();
    case Toml::Kind::string:
        return value.text.empty();
    case Toml::Kind::boolean:
        return !value.boolean;
    case Toml::Kind::integer:
        return value.integer == 0;
    case Toml::Kind::other:
        return false;
    }
    return false;
}

bool is_runc(const Toml& runtime) {
    const auto type = runtime.string_at({"runtime_type"});
    return type.empty() || type == runc_type;
}

// What there is, and where ours goes.
struct Ground {
    int version = 2;
    Toml merged;
    std::string target; // the file that is changed
    std::optional<std::string> text;
    bool empty = false; // the target says nothing yet, not even a version
};

Result<void> require_known_version(const Toml& main, const std::string& path) {
    const auto version = containerd_version(main);
    if (version < 2) {
        return fail(Code::bad_config, path +
                                          ": is of version 1, which bulkhead does not write; migrate it to version 2 "
                                          "(containerd-config.toml(5)), or name another one with --engine-config");
    }
    return version > newest_version ? fail(Code::bad_config, path + ": is of version " + std::to_string(version) +
                                                                 ", which this bulkhead does not know")
                                    : Result<void>();
}

// Before 2.0 the file that is imported last has the section, and what is written into another one is not read.
Result<void> require_whole_section(const TomlFiles& files, const std::string& main, int version) {
    const auto last = files.last_with(cri_section(version));
    return version >= 3 || last.empty() || last == main
               ? Result<void>()
               : fail(Code::bad_config, main + ": imports " + last +
                                            ", which before containerd 2.0 replaces the section "
                                            "of the CRI plugin; name that one with "
                                            "--engine-config");
}

Result<Ground> look_at(const Question& question) {
    EngineConfig config;
    TomlFiles files(config);
    read_containerd_files(files, config, question.main);
    TRY(require_sound(config));
    Ground ground;
    const auto* const main = files.files().empty() ? nullptr : &files.files().front().content;
    ground.empty = main == nullptr || main->members.empty();
    if (!ground.empty) {
        TRY(require_known_version(*main, question.main));
        ground.version = containerd_version(*main);
    }
    TRY(require_whole_section(files, question.main, ground.version));
    ground.merged = files.merged(containerd_rules(ground.version));
    ground.target = files.last_with(runtime_path(ground.version, shim_runtime));
    if (ground.target.empty()) {
        const auto drop_in = ground.empty ? std::nullopt : containerd_drop_in(*main, question.main);
        ground.target = drop_in.value_or(question.main);
    }
    TRY_ASSIGN(ground.text, in_context(ground.target, read_text(ground.target)));
    return ground;
}

// The name of the default runtime as it is without us.
std::string default_name(const Ground& ground, const Question& question) {
    auto name = ground.merged.string_at(default_path(ground.version));
    if (name == shim_runtime) {
        const auto before = question.before_us(ground.target);
        const auto content = before && *before ? parse_toml(**before) : std::unexpected(Error());
        name = content ? content->string_at(default_path(ground.version)) : "";
    }
    return name.empty() ? "runc" : name;
}

// What ours is to be like, and what is noted of it. A runtime that is no runc's (kata, gVisor) has options of its own.
Toml handler_like(const Toml* source, const Node& node) {
    Toml handler;
    handler.set(TomlPath{"runtime_type"}, Toml::of(runc_type));
    handler.set(TomlPath{"pod_annotations"}, Toml::of(our_annotations));
    handler.set(TomlPath{"container_annotations"}, Toml::of(our_annotations));
    Toml options;
    options.set(TomlPath{"BinaryName"}, Toml::of(shim_path));
    if (source != nullptr) {
        for (const auto& [key, value, place] : source->members) {
            if (key != "options" && handler.member(key) == nullptr && !is_zero(value)) {
                handler.set(TomlPath{key}, value);
            }
        }
        if (const auto* const theirs = source->member("options")) {
            for (const auto& [key, value, place] : theirs->members) {
                if (key != "BinaryName" && (key == "SystemdCgroup" || !is_zero(value))) {
                    options.set(TomlPath{key}, value);
                }
            }
        }
    }
    if (options.member("SystemdCgroup") == nullptr && node.kubelet_cgroup_driver == "systemd") {
        options.set(TomlPath{"SystemdCgroup"}, Toml::of_boolean(true));
    }
    handler.set(TomlPath{"options"}, options);
    return handler;
}

// A list of ours, with what somebody has added to it.
Toml with_ours(const Toml& list) {
    auto strings = list.strings_at({});
    for (const auto& pattern : our_annotations) {
        if (std::ranges::find(strings, pattern) == strings.end()) {
            strings.push_back(pattern);
        }
    }
    return Toml::of(strings);
}

std::vector<TomlWish> wishes_for(const Toml& handler, const Toml* present, const TomlPath& path) {
    if (present == nullptr) {
        return {{.path = path, .value = handler}};
    }
    std::vector<TomlWish> wishes;
    for (const auto& [key, value, place] : handler.members) {
        const auto* const there = present->member(key);
        if (key == "options") {
            for (const auto& option : value.members) {
                if (option.key != "BinaryName") {
                    wishes.push_back({.path = below(path, {key, option.key}), .value = option.value});
                }
            }
        } else {
            const bool list = key.ends_with("_annotations") && there != nullptr;
            wishes.push_back({.path = below(path, {key}), .value = list ? with_ours(*there) : value});
        }
    }
    return wishes;
}

void note_annotations(Plan& plan, const Toml& source, const std::string& name) {
    for (const auto* const key : {"pod_annotations", "container_annotations"}) {
        auto others = source.strings_at({key});
        std::erase_if(others, [](const std::string& pattern) {
            return std::ranges::find(our_annotations, pattern) != our_annotations.end();
        });
        if (!others.empty()) {
            plan.notes.push_back("the runtime " + in_quotes(name) + " lets through " + in_quotes(others.front()) +
                                 (others.size() > 1 ? " and more" : "") + " (" + key +
                                 "); the runtime \"bulkhead\" does not");
        }
    }
}

Result<void> require_default_can_be_set(const Ground& ground) {
    const auto table = cri_path(ground.version, {"containerd", "default_runtime", "runtime_type"});
    return ground.version < 3 && !ground.merged.string_at(table).empty()
               ? fail(Code::bad_config,
                      "its old default_runtime table goes before default_runtime_name; make it one of "
                      "the runtimes first")
               : Result<void>();
}

Result<void> require_own_containerd(const Question& question, const Node& node) {
    return node.foreign_containerds.empty() || question.main != main_config_of(Engine::containerd)
               ? Result<void>()
               : fail(Code::bad_config,
                      "the containerd of " + node.foreign_containerds.front() +
                          " has its config made from a template there, which bulkhead(1) says what to add to; to "
                          "configure another one beside it, name its config with --engine-config");
}

// The text to begin with, which says what version it is: else it is 1.
std::optional<std::string> with_version(const Ground& ground, const Question& question) {
    const auto text = ground.text.value_or("");
    const bool needed = ground.empty || (ground.target != question.main && !ground.text);
    Toml version;
    version.kind = Toml::Kind::integer;
    version.integer = ground.version;
    const auto changed =
        needed ? edit_toml(text, {{.path = {"version"}, .value = version}}, "") : Result<std::string>(text);
    return changed ? *changed : text;
}

Result<std::vector<TomlWish>> all_wishes(Plan& plan, const Ground& ground, const Question& question, const Node& node) {
    const auto name = default_name(ground, question);
    const auto* source = ground.merged.find(runtime_path(ground.version, name));
    const auto* const present = ground.merged.find(runtime_path(ground.version, shim_runtime));
    if (present != nullptr && !is_shim(present->string_at({"options", "BinaryName"}))) {
        return fail(Code::bad_config, ground.target + ": has a runtime \"bulkhead\" that is not the shim; rename it");
    }
    if (source != nullptr && !is_runc(*source)) {
        plan.notes.push_back("the default runtime " + in_quotes(name) + " is not runc's: nothing is copied from it");
        source = nullptr;
    }
    std::vector<TomlWish> wishes;
    if (question.make_default) {
        TRY(require_default_can_be_set(ground));
        wishes.push_back({.path = default_path(ground.version), .value = Toml::of(shim_runtime)});
    }
    if (ground.version < 3 && name == "runc" && source == nullptr) {
        // A config that names runtimes has those alone, and does not load without the default one (seen with 1.6).
        Toml runc;
        runc.set(TomlPath{"runtime_type"}, Toml::of(runc_type));
        wishes.push_back({.path = runtime_path(ground.version, "runc"), .value = runc});
    }
    TRY(check_real_runtime(plan, node, shim_path,
                           source == nullptr ? "" : source->string_at({"options", "BinaryName"})));
    if (source != nullptr) {
        note_annotations(plan, *source, name);
    }
    std::ranges::move(wishes_for(handler_like(source, node), present, runtime_path(ground.version, shim_runtime)),
                      std::back_inserter(wishes));
    return wishes;
}

} // namespace

Result<Plan> plan_containerd(const Question& question, const Node& node) {
    TRY(require_own_containerd(question, node));
    TRY_ASSIGN(auto ground, look_at(question));
    Plan plan;
    TRY_ASSIGN(const auto wishes, all_wishes(plan, ground, question, node));
    check_shim(plan, node, shim_path);
    check_daemons(plan, node, question.main, Engine::containerd);
    const auto disabled = ground.merged.strings_at({"disabled_plugins"});
    if (std::ranges::any_of(disabled,
                            [](const std::string& plugin) { return plugin.find(".cri") != std::string::npos; })) {
        plan.notes.emplace_back("the CRI plugin is switched off (disabled_plugins), and nothing else reads this");
    }
    TRY_ASSIGN(auto edit, edit_file(ground.target, with_version(ground, question), wishes));
    edit.before = std::move(ground.text);
    plan.edits.push_back(std::move(edit));
    return plan;
}

namespace {

// The default runtime's name goes back to what it was.
void add_default(std::vector<TomlWish>& wishes, const Toml& root, const Toml& earlier, int version) {
    if (root.string_at(default_path(version)) == shim_runtime) {
        const auto* const own = earlier.find(default_path(version));
        wishes.push_back({.path = default_path(version), .value = own == nullptr ? std::nullopt : std::optional(*own)});
    }
}

// The built-in runtime's table, where it is as we wrote it.
void add_runc(std::vector<TomlWish>& wishes, std::string_view text, const Toml& root, int version) {
    const auto path = runtime_path(version, "runc");
    const auto* const runc = root.find(path);
    if (runc != nullptr && runc->members.size() == 1 && was_added(text, path, our_comment)) {
        wishes.push_back({.path = path, .value = {}});
    }
}

} // namespace

Result<std::optional<std::string>> without_containerd(const std::string& text,
                                                      const std::optional<std::string>& before) {
    TRY_ASSIGN(const auto root, parse_toml(text));
    const auto read = before ? parse_toml(*before) : Result<Toml>(Toml());
    const auto earlier = read ? *read : Toml();
    const auto version = containerd_version(root);
    const auto path = runtime_path(version, shim_runtime);
    const auto* const ours = root.find(path);
    std::vector<TomlWish> wishes;
    add_default(wishes, root, earlier, version);
    if (ours != nullptr && is_shim(ours->string_at({"options", "BinaryName"}))) {
        add_runc(wishes, text, root, version);
        wishes.push_back({.path = path, .value = {}});
    }
    TRY_ASSIGN(auto left, what_is_left(text, wishes));
    // A drop-in or a file of ours has a version besides.
    const bool version_alone =
        left && *left != text && root.find(TomlPath{"version"}) != nullptr && earlier.members.empty();
    const auto rest = version_alone ? what_is_left(*left, {{.path = {"version"}, .value = {}}}) : left;
    return rest && !*rest ? std::nullopt : left;
}

} // namespace bulkhead::engines
