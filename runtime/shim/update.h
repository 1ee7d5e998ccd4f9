// SPDX-License-Identifier: Apache-2.0
// `update` sends resources that know nothing of what the shim put into config.json: containerd's CRI plugin sends all
// of its own, podman those of its own spec. What a container was promised not to get past stays.
#pragma once

#include "runtime/base/error.h"
#include "runtime/shim/command_line.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::shim {

// What the receipt says. Swap is swap alone, as the annotation has it: the OCI's "swap" is memory and swap together,
// and runc and crun take the memory limit of the same request off it, so that a smaller one would let more be swapped.
struct Promised {
    // NOLINTBEGIN(readability-redundant-member-init): without, gcc misses them where they are left out
    std::optional<std::uint64_t> memory{}; // bytes
    std::optional<std::uint64_t> swap{};
    std::optional<std::uint64_t> pids{};
    std::map<std::string, std::uint64_t> unified{}; // other files of cgroup v2: "memory.high"
    // NOLINTEND(readability-redundant-member-init)
    bool oom_group = false;
};

// The resources of `update --resources`. What is above the promise or without limit becomes the promise, 0 too, which
// is "as it was" for runc and a limit of 0 for crun; what is not there is not added, but for the swap next to a memory
// limit: runc 1.2 and later would reckon with the one that it has stored. Every other byte stays.
// Code::not_allowed where the swap's limit cannot be kept because the memory's is lifted, or not known.
// Code::malformed_input.
[[nodiscard]] Result<std::string> clamp_resources(std::string_view text, const Promised& promised);

// The command line of an `update` whose limits stand there as options, the same way.
[[nodiscard]] Result<std::vector<std::string>> clamp_arguments(std::span<char* const> arguments,
                                                               const Invocation& invocation, const Promised& promised);

// The command line with the resources read from stdin, in place of the file that is named.
[[nodiscard]] std::vector<std::string> resources_from_stdin(std::span<char* const> arguments,
                                                            const Invocation& invocation);

} // namespace bulkhead::shim
