// SPDX-License-Identifier: Apache-2.0
// What the node's operator decided: bulkhead.json(5).
#pragma once

#include "runtime/base/units.h"
#include "runtime/oci/annotation.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::policy {

// A number of bytes or a count, or a share of the node's RAM.
struct Size {
    std::uint64_t value = 0; // bytes, a count, or 0 and 1 for a boolean; 1 to 100 of a share
    bool percent = false;    // it is a share

    [[nodiscard]] std::uint64_t of(Bytes ram) const { return percent ? ram.value / 100 * value : value; }
};

// Where something stands in which file, for messages and `explain`.
struct ConfigPlace {
    std::string file;
    std::string path; // "rules[1].max.shm-size"
};

struct Term {
    Size size;
    std::string text; // as written
    ConfigPlace place;
};

// Values for keys: maxima or defaults.
struct Terms {
    std::array<std::optional<Term>, oci::key_count> by_key; // of Key::segment: of each segment, and only a maximum
    std::optional<Term> segments_total;                     // all segments of a namespace together; only a maximum
    bool broken = false;                                    // there is more, for somebody, that could not be understood

    [[nodiscard]] const std::optional<Term>& operator[](oci::Key key) const {
        return by_key[static_cast<std::size_t>(key)];
    }
    [[nodiscard]] bool empty() const;
};

// Containers outside of Kubernetes have this in place of a namespace.
inline constexpr std::string_view local_namespace = "@local";

// What holds for some containers in place of what holds for all: the first rule that matches is the one.
struct Rule {
    std::optional<std::string> name_space; // globs; without one, any
    std::optional<std::string> container;
    Terms max;
    Terms defaults;
    std::optional<std::vector<oci::Key>> allow; // what may be asked for; all, where there is no list
    ConfigPlace place;
    bool broken = false; // has a problem in its globs, or is not all understood: matches nobody
};

// A segment that the operator declared: one for the whole node. Readers and writers are globs on namespaces,
// local_namespace for containers outside of Kubernetes; who may write may read.
struct DeclaredSegment {
    std::string name;
    std::optional<Size> size; // else as its first member says
    std::vector<std::string> readers;
    std::vector<std::string> writers;
    bool keep = false; // when its last member has gone
    bool exec = false; // members may map and run what is in it
};

struct CgroupConfig {
    bool allow_raise = false; // what a container asks for may be above what the engine set

    bool operator==(const CgroupConfig&) const = default;
};

// Whether a container may be started with a disk limit that it could take off from inside (bulkhead.json(5)).
enum class Guard { automatic, require, off };

struct DiskConfig {
    // Project ids that may be given to layers. Below 2^31, where other programs' tools break; above what dockerd, the
    // kubelet and LXD count up from.
    std::uint32_t first_id = 1U << 30U;
    std::uint32_t last_id = (1U << 31U) - 1;
    Guard guard = Guard::automatic;
    bool implied_inodes = true;      // disk-size alone limits the inodes too
    bool accounting_only = false;    // count, set no limit
    bool enable_enforcement = false; // where the file system only counts, switch its enforcement on
    bool label_engine_files = false; // /etc/hosts and the like count as well

    bool operator==(const DiskConfig&) const = default;
};

// For which walls a container starts without, where they cannot be put up. What is not allowed is never let through.
struct OnError {
    std::array<bool, oci::resource_count> warn{};

    bool operator==(const OnError&) const = default;
    [[nodiscard]] bool warns(oci::Resource resource) const { return warn[static_cast<std::size_t>(resource)]; }
};

// For the shim.
struct RuntimeConfig {
    std::vector<std::string> path{"runc", "crun"}; // names to look up in PATH, or absolute paths
    std::string hook = "/usr/libexec/oci/hooks.d/bulkhead-hook";

    bool operator==(const RuntimeConfig&) const = default;
};

struct Config {
    Terms defaults;
    Terms max;
    std::vector<Rule> rules;
    std::vector<DeclaredSegment> segments; // sorted by name
    CgroupConfig cgroup;
    DiskConfig disk;
    OnError on_error;
    RuntimeConfig runtime;

    // Whether there is a default anywhere, for whomever; and one for the disk.
    [[nodiscard]] bool has_defaults() const;
    [[nodiscard]] bool has_disk_defaults() const;
};

} // namespace bulkhead::policy
