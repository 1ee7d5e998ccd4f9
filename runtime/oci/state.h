// SPDX-License-Identifier: Apache-2.0
// The state that a runtime writes to a hook's stdin (runtime-spec, runtime.md "State").
#pragma once

#include "runtime/base/error.h"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace bulkhead::oci {

enum class Status { creating, created, running, stopped, other };

struct State {
    std::string id;
    Status status = Status::other;
    std::optional<pid_t> pid; // as this process sees it; left out, or 0, once the container has stopped
    std::string bundle;       // absolute, without a slash at its end
};

// An id becomes a file name: not empty, not "." and "..", nothing outside [A-Za-z0-9_.+-], at most 255 bytes. runc
// takes the same; crun before 1.28 anything without a slash, before 1.20 that too.
[[nodiscard]] bool is_container_id(std::string_view id);

// Runtimes differ: crun adds `root` and says ociVersion "1.0", runc leaves `pid` out where crun writes 0. Members that
// are not ours are ignored. Code::malformed_input, for what is no container id too.
[[nodiscard]] Result<State> parse_state(std::string_view text);

} // namespace bulkhead::oci
