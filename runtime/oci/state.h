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

// Runtimes differ: crun adds `root` and says ociVersion "1.0", runc leaves `pid` out where crun writes 0. Members that
// are not ours are ignored. The id becomes a file name: empty, "." and "..", a slash, anything outside [A-Za-z0-9_.+-]
// or more than 255 bytes are refused. Code::malformed_input.
[[nodiscard]] Result<State> parse_state(std::string_view text);

} // namespace bulkhead::oci
