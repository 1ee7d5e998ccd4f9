// SPDX-License-Identifier: Apache-2.0
// oci-hooks(5): the files of a hooks.d as podman and CRI-O read them (containers/common, pkg/hooks).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::doctor {

// For which containers a hook is run: all that is given must hold; where nothing is, it never does.
struct HookCondition {
    std::optional<bool> always;
    std::vector<std::pair<std::string, std::string>> annotations; // patterns of keys and of their values
    bool by_command = false;                                      // of what the container runs
    std::optional<bool> has_bind_mounts;
};

struct HookFile {
    std::string path;
    std::string problem;                // the engine refuses it for this; empty: it does not
    std::string program;                // hook.path
    std::vector<std::string> arguments; // hook.args, of which the first is the program's name
    HookCondition condition;
    std::vector<std::string> stages;

    [[nodiscard]] std::string name() const { return path.substr(path.rfind('/') + 1); }
    // Runs bulkhead-hook; or, where it cannot be read, is called as if it did.
    [[nodiscard]] bool is_ours() const;
};

[[nodiscard]] HookFile read_hook_file(const std::string& path);

struct HookFiles {
    std::vector<HookFile> in_force;
    // Those that another of the same name in a later directory is read in place of, and that one's path.
    std::vector<std::pair<HookFile, std::string>> masked;
    std::vector<std::string> unreadable; // directories, with the reason
};

// Those in `directories`, which are read in their order. One that is not there has none.
[[nodiscard]] HookFiles read_hook_files(const std::vector<std::string>& directories);

// Whether the hook is run for a container that has this annotation and no other. nullopt: a pattern has something in it
// that only Go's regular expressions know.
[[nodiscard]] std::optional<bool> runs_for(const HookCondition& condition, std::string_view key,
                                           std::string_view value);

} // namespace bulkhead::doctor
