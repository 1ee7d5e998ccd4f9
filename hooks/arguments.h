// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <optional>
#include <span>
#include <string>

namespace bulkhead::hook {

enum class Stage { create_runtime, poststop };

[[nodiscard]] std::string_view name_of(Stage stage);

struct Arguments {
    std::string config = "/etc/bulkhead/bulkhead.json";
    std::string state_dir = "/run/bulkhead";
    std::optional<Stage> stage;      // nullopt: the state on stdin tells
    bool started_by_runtime = false; // this process is a hook, and younger than the container's
};

// [--config FILE] [--state-dir DIR] [createRuntime|prestart|poststop]. Anything else is an error in the registration of
// the hook: Code::bad_config.
[[nodiscard]] Result<Arguments> parse_arguments(std::span<char*> arguments);

} // namespace bulkhead::hook
