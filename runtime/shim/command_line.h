// SPDX-License-Identifier: Apache-2.0
// What a runtime's command line asks for, as far as the shim has to know: it goes on to the real runtime as it is.
//
// Engines write it, as root, not tenants. Still no guess may let a container start without its walls: where an option
// is unknown that may or may not take the next word, what may be a create, run or restore is one, and `certain` is
// false.
#pragma once

#include "runtime/base/error.h"
#include "runtime/shim/options.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::shim {

// `other` is everything that goes through untouched, a request for help too, and a command without a container.
enum class Command { create, run, restore, exec, update, other };

// Where an option's value stands in the command line.
struct OptionPlace {
    std::string_view option; // its whole name: "memory-swap"
    std::size_t word = 0;
    std::size_t offset = 0; // from this byte of the word on
};

struct Invocation {
    Command command = Command::other;
    // As it is written: crun before 1.28 takes nearly anything for an id (oci::is_container_id).
    std::string id;
    std::string bundle; // as it is written; empty: none is given
    std::string config; // crun's --config: a file in place of config.json
    std::string log;
    std::string log_format;
    bool certain = true; // false: id and bundle may be another's

    // Of update: where its limits stand, and the last of --resources, which wins over them.
    std::vector<OptionPlace> limits; // memory, memory-swap, pids-limit
    std::optional<OptionPlace> resources;
};

// By the runtime's program: a name that begins with "crun" or is "krun" has crun's rules, every other runc's.
[[nodiscard]] Dialect dialect_of(std::string_view program);

// `arguments` begins with the program's name.
[[nodiscard]] Invocation parse_command_line(std::span<char* const> arguments, Dialect dialect);

// The bundle's directory, absolute, by the name that the runtime will write into the state: runc changes into it and
// asks the kernel where it is, crun does so only with a relative path. Where none is given, the working directory.
[[nodiscard]] Result<std::string> bundle_directory(const Invocation& invocation, Dialect dialect);

} // namespace bulkhead::shim
