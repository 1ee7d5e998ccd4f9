// SPDX-License-Identifier: Apache-2.0
// What `bulkhead configure` would write into an engine's config. Files are read for it, and nothing is changed.
#pragma once

#include "runtime/base/error.h"
#include "runtime/engines/engine.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace bulkhead::engines {

struct Daemon {
    pid_t pid = 0;
    std::vector<std::string> arguments; // the first is the program
};

// What a plan has to know of the node.
struct Node {
    // Which file a program is, so that one of two names is told; nullopt: it is none, or may not be run.
    std::function<std::optional<std::pair<dev_t, ino_t>>(const std::string& path)> program;
    // Which program the shim becomes when it is called as that; Code::unsupported: none.
    std::function<Result<std::string>(std::string_view called_as)> becomes;
    bool has_engine = true;
    // "systemd", "cgroupfs", or empty where the kubelet's config does not say.
    std::string kubelet_cgroup_driver;
    // The directories of containerds that another program has of its own and configures itself: of k3s and RKE2.
    std::vector<std::string> foreign_containerds;
    // The command lines of the engine's daemons that run.
    std::vector<Daemon> daemons;
};

// This one, for `engine`; `runtimes` is runtime.path of the node config.
[[nodiscard]] Node look_at_node(Engine engine, const std::vector<std::string>& runtimes);

struct FileEdit {
    std::string path;
    std::optional<std::string> before; // nullopt: it is not there
    std::optional<std::string> after;  // nullopt: it is to go

    [[nodiscard]] bool changes() const { return before != after; }
};

struct Plan {
    std::vector<FileEdit> edits;
    std::vector<std::string> notes; // what the operator ought to know besides, one line each
};

// The text that a file had before we first wrote to it, where that is known. It may have had none.
using TextBeforeUs = std::function<std::optional<std::optional<std::string>>(const std::string& path)>;

struct Question {
    Engine engine = Engine::podman;
    std::string main; // the engine's main config
    bool make_default = false;
    TextBeforeUs before_us;
};

// Puts the shim before the engine's runtime. Code::bad_config: the config is one that we do not change, and why;
// Code::unsupported: nothing would run.
[[nodiscard]] Result<Plan> plan_configure(const Question& question, const Node& node);

// Takes our part out again, and leaves all else as it is.
[[nodiscard]] Result<Plan> plan_removal(const Question& question);

// The files that either may change, there or not.
[[nodiscard]] std::vector<std::string> files_of(Engine engine, const std::string& main);

} // namespace bulkhead::engines
