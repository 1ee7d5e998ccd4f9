// SPDX-License-Identifier: Apache-2.0
// What the containers that have a receipt, and the segments of the node, hold now. Looks and changes nothing.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/inventory/identity.h"
#include "runtime/inventory/use.h"
#include "runtime/ledger/receipt.h"
#include "runtime/policy/segments.h"

#include <chrono>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace bulkhead::inventory {

enum class Status {
    prepared, // the shim did its part, the runtime has yet to make the container
    running,
    gone, // its first process is; `bulkhead gc` gives back what it left
};

enum class Guard {
    none,       // it does not run behind the guard, and has no disk limit
    guarded,    // it runs behind the guard; a disk limit of it cannot be taken off
    not_needed, // its disk limit holds without the guard: it is in a user namespace
    escapable,  // its disk limit can be taken off from inside; `escapable` says why
};

// One of its segments.
struct Membership {
    policy::SegmentPlace place;
    std::string path; // in the container
    bool read_only = false;
};

// What it was asked for.
struct Asked {
    std::string key; // "io.bulkhead.shm-size"; of a default its place in the config: "FILE: defaults.pids-max"
    std::string value;
    bool by_config = false; // else by the container
};

struct Container {
    std::string id;
    Identity identity; // its engine, and its names in Kubernetes
    std::string bundle;
    pid_t pid = 0; // of its first process; while it is prepared, of its runtime's
    Status status = Status::gone;
    std::optional<std::chrono::system_clock::time_point> started; // nullopt: at another boot

    Guard guard = Guard::none;
    std::string escapable;

    // nullopt: it has none of its own, or it cannot be told now (`problems`). Of one that does not run there is the
    // disk alone.
    std::optional<ShmUse> shm;
    std::optional<DiskUse> disk;
    std::optional<MemoryUse> memory;
    std::optional<PidsUse> pids;
    std::vector<Membership> segments;

    std::vector<Asked> asked;
    std::vector<ledger::LeftOut> left_out; // walls it had to do without
    std::vector<std::string> problems;     // "shm: why it cannot be told"
};

// Who is in a segment.
struct Member {
    pid_t pid = 0;
    std::string container; // id; empty where no receipt is of that process
};

struct Segment {
    policy::SegmentPlace place;
    bool mounted = false; // else somebody makes it just now, or unmounted it; then nothing is known of:
    Bytes used{0};
    std::optional<Bytes> size = std::nullopt;
    bool kept = false; // it stays when its last member has gone
    // NOLINTNEXTLINE(readability-redundant-member-init): without, gcc misses it where it is left out
    std::vector<Member> members = {}; // that live
};

// A receipt or a segment that cannot be read. It hides no other.
struct Problem {
    std::string name; // "containers/ID", "segments"
    std::string reason;
};

struct Inventory {
    std::vector<Container> containers; // by id
    std::vector<Segment> segments;     // by place
    std::vector<Problem> problems;
};

// Needs root in the initial namespaces, and paths must be PID 1's: see sys::enter_mount_namespace_of_init(). Errors are
// those that end it all; a container that goes meanwhile is `gone`.
[[nodiscard]] Result<Inventory> take_inventory(const std::string& state_dir);

} // namespace bulkhead::inventory
