// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/hooks_d.h"

#include "runtime/doctor/hook_file.h"
#include "runtime/doctor/program.h"
#include "runtime/doctor/words.h"
#include "runtime/oci/annotation.h"
#include "runtime/sys/file.h"

#include <algorithm>

namespace bulkhead::doctor {

namespace {

constexpr std::string_view installed_in = "/usr/share/containers/oci/hooks.d";
constexpr std::string_view overridden_in = "/etc/containers/oci/hooks.d";

bool has_stage(const HookFile& file, std::string_view stage) {
    return std::ranges::find(file.stages, stage) != file.stages.end();
}

bool is_unread(const std::vector<std::string>& directories, std::string_view directory) {
    return std::ranges::find(directories, directory) == directories.end();
}

// Ours in a directory that the engine does not read.
std::optional<std::string> ours_elsewhere(const std::vector<std::string>& directories) {
    for (const auto directory : {installed_in, overridden_in}) {
        if (is_unread(directories, directory)) {
            const auto files = read_hook_files({std::string(directory)});
            const auto found = std::ranges::find_if(files.in_force, &HookFile::is_ours);
            if (found != files.in_force.end()) {
                return found->path;
            }
        }
    }
    return std::nullopt;
}

// Every annotation of ours, of a pod and of one container, and one that is a typing error.
std::vector<std::string> keys_to_hook() {
    std::vector<std::string> keys{std::string(oci::our_prefix) + "no-such-key"};
    for (const auto& info : oci::annotation_keys) {
        const auto key = std::string(oci::our_prefix)
                             .append(info.key == oci::Key::segment ? std::string(oci::segment_prefix) + "a"
                                                                   : std::string(info.name));
        keys.push_back(key);
        keys.push_back(key + "/a");
    }
    return keys;
}

// As they are compared here: without a slash at the end.
std::vector<std::string> plain(std::vector<std::string> directories) {
    for (auto& directory : directories) {
        directory.erase(std::min(directory.size(), directory.find_last_not_of('/') + 1));
    }
    return directories;
}

class HooksD {
public:
    HooksD(Section& section, const Node& node, const PresentEngine& engine)
        : section_(section), node_(node), engine_(engine), shim_(shim_use(engine.config)),
          directories_(plain(engine.config.hooks_dirs)), files_(read_hook_files(directories_)) {
        for (const auto& file : files_.in_force) {
            if (file.is_ours()) {
                ours_.push_back(&file);
            }
        }
    }

    void check() {
        const auto directories = listed(directories_);
        section_.add("hooks-d.file", directories, files());
        section_.add("hooks-d.masked", directories, masked());
        if (!ours_.empty() || !is_masked()) {
            section_.add("hooks-d.directory", directories, directory());
        }
        for (const auto* const file : ours_) {
            if (file->problem.empty()) {
                check(*file);
            }
        }
        if (!ours_.empty() && std::ranges::all_of(ours_, &std::string::empty, &HookFile::problem)) {
            section_.add("hooks-d.defaults", node_.question.config, defaults());
        }
    }

private:
    [[nodiscard]] bool is_masked() const {
        return std::ranges::any_of(files_.masked, [](const auto& pair) { return pair.first.is_ours(); });
    }

    // One that is broken stops every container of podman's, and CRI-O's start.
    [[nodiscard]] Finding files() const {
        if (!files_.unreadable.empty()) {
            return failed(files_.unreadable.front(), "make it a directory that can be read");
        }
        for (const auto& file : files_.in_force) {
            if (!file.problem.empty()) {
                return failed(file.path + ": " + file.problem,
                              file.is_ours() ? "install the file again that Bulkhead comes with" : "mend the file");
            }
        }
        return well();
    }

    [[nodiscard]] Finding masked() const {
        for (const auto& [file, by] : files_.masked) {
            const auto is_same_path = [path = by](const HookFile* ours) { return ours->path == path; };
            if (file.is_ours() && std::ranges::none_of(ours_, is_same_path)) {
                return failed(by + " has the name of " + file.path + ", which is not read because of it", "rm " + by);
            }
        }
        return well();
    }

    [[nodiscard]] Finding directory() const {
        if (ours_.size() > 1) {
            return warning("the hook is registered twice, in " + ours_[0]->path + " and " + ours_[1]->path,
                           "rm " + ours_[0]->path);
        }
        if (!ours_.empty()) {
            return well();
        }
        if (const auto elsewhere = ours_elsewhere(directories_)) {
            return failed(*elsewhere + " is in a directory that is not read",
                          "put its directory into hooks_dir in " + engines::main_config_of(engine_.engine));
        }
        return missing();
    }

    [[nodiscard]] Finding missing() const {
        const auto* const mend = "install 50-bulkhead.json in /usr/share/containers/oci/hooks.d";
        switch (shim_) {
        case ShimUse::by_default:
            return skipped("no file runs bulkhead-hook; the shim does");
        case ShimUse::some:
            return warning("no file runs bulkhead-hook: containers that are not started by the shim have no walls",
                           mend);
        case ShimUse::none:
            return failed("no file runs bulkhead-hook: containers have no walls, whatever they ask for", mend);
        }
        return well();
    }

    void check(const HookFile& file) {
        section_.add("hooks-d.binary", file.path, binary(file));
        if (engine_.daemon) {
            section_.add("hooks-d.order", file.path, order(file));
        }
        section_.add("hooks-d.arguments", file.path, arguments(file));
        section_.add("hooks-d.stages", file.path, stages(file));
        section_.add("hooks-d.pattern", file.path, pattern(file));
    }

    // Whether that binary is sound is a link of its own.
    [[nodiscard]] Finding binary(const HookFile& file) const {
        if (file.program == node_.hook() || is_same_file(file.program, node_.hook())) {
            return well();
        }
        const auto mend = "write \"path\": \"" + node_.hook() + "\", or runtime.hook in the node config";
        return exists(file.program)
                   ? failed(file.program + " is not " + node_.hook() + ", which is installed here", mend)
                   : failed(file.program + " is not there: the hook is left out without a word", mend);
    }

    // CRI-O reads a file when it starts and when the file changes, and leaves out for good one whose program is not
    // there at that moment.
    [[nodiscard]] Finding order(const HookFile& file) const {
        const auto times = sys::times_of(file.path);
        const auto program = sys::times_of(file.program);
        const bool may_be_left_out = times && program && program->changed > times->changed &&
                                     program->changed > sys::started_at(engine_.daemon->process);
        return may_be_left_out
                   ? warning(file.program + " was put there after the file that names it: it is left out if "
                                            "it was not there before",
                             "touch " + file.path)
                   : well();
    }

    [[nodiscard]] Finding arguments(const HookFile& file) const {
        const auto& arguments = file.arguments;
        for (std::size_t i = 1; i < arguments.size(); ++i) {
            if ((arguments[i] == "poststop" && has_stage(file, "createRuntime")) ||
                (arguments[i] == "createRuntime" && has_stage(file, "poststop"))) {
                return failed("the argument " + in_quotes(arguments[i]) + " is told to every stage: one does nothing",
                              R"(write "args": ["bulkhead-hook"])");
            }
            if (i + 1 < arguments.size() && arguments[i] == "--state-dir" &&
                arguments[i + 1] != node_.question.state_dir) {
                return warning("receipts are in " + arguments[i + 1], "look at those with --state-dir");
            }
            if (i + 1 < arguments.size() && arguments[i] == "--config" && arguments[i + 1] != node_.question.config) {
                return warning("the node config is " + arguments[i + 1], "look at it with --config");
            }
        }
        return well();
    }

    [[nodiscard]] static Finding stages(const HookFile& file) {
        const auto* const mend = R"(write "stages": ["createRuntime", "poststop"])";
        const bool create = has_stage(file, "createRuntime");
        const bool prestart = has_stage(file, "prestart");
        if (!create && !prestart) {
            return failed("createRuntime is not among the stages: no wall is put up", mend);
        }
        if (!has_stage(file, "poststop")) {
            return failed("poststop is not among the stages: limits of containers that are gone stay until bulkhead gc",
                          mend);
        }
        if (file.stages.size() > 2) {
            return create && prestart && file.stages.size() == 3
                       ? warning("prestart is beside createRuntime: the hook is run twice", mend)
                       : failed("there is a stage that the hook is not for, and refuses containers at", mend);
        }
        return well();
    }

    [[nodiscard]] static Finding pattern(const HookFile& file) {
        const auto* const mend = R"(write "annotations": {"^io\\.bulkhead\\.": ".*"} under "when", and nothing else)";
        bool certain = true;
        for (const auto& key : keys_to_hook()) {
            const auto runs = runs_for(file.condition, key, "1Gi");
            if (runs == false) {
                return failed("the hook is not run for a container with " + key, mend);
            }
            certain = certain && runs.has_value();
        }
        if (!certain) {
            return warning("cannot be judged here: it is written in a way that Go alone knows", mend);
        }
        if (file.condition.always != true && runs_for(file.condition, "org.example.key", "1Gi") != false) {
            return warning("the hook is run for annotations that are not Bulkhead's, too", mend);
        }
        return well();
    }

    [[nodiscard]] Finding defaults() const {
        const auto runs_always = [](const HookFile* file) { return file->condition.always == true; };
        if (!node_.config().has_defaults() || shim_ == ShimUse::by_default || std::ranges::any_of(ours_, runs_always)) {
            return well();
        }
        return failed("it has defaults, and the hook is run only for containers that ask for something",
                      "install 50-bulkhead-always.json in place of " + ours_.front()->name());
    }

    Section& section_;
    const Node& node_;
    const PresentEngine& engine_;
    ShimUse shim_;
    std::vector<std::string> directories_;
    HookFiles files_;
    std::vector<const HookFile*> ours_;
};

} // namespace

void check_hooks_d(Section& section, const Node& node, const PresentEngine& engine) {
    HooksD(section, node, engine).check();
}

} // namespace bulkhead::doctor
