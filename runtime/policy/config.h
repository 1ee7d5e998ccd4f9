// SPDX-License-Identifier: Apache-2.0
// What the node's operator decided.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::policy {

struct DiskConfig {
    // Project ids that may be given to layers. Below 2^31, where other programs' tools break; above what dockerd, the
    // kubelet and LXD count up from.
    std::uint32_t first_id = 1U << 30U;
    std::uint32_t last_id = (1U << 31U) - 1;
    bool implied_inodes = true;      // disk-size alone limits the inodes too
    bool accounting_only = false;    // count, set no limit
    bool enable_enforcement = false; // where the file system only counts, switch its enforcement on
    bool label_engine_files = false; // /etc/hosts and the like count as well
};

// A number of bytes, or a share of the node's RAM.
struct Size {
    std::uint64_t value = 0; // bytes, or percent where
    bool percent = false;

    [[nodiscard]] Bytes of(Bytes ram) const { return percent ? Bytes{ram.value / 100 * value} : Bytes{value}; }
};

// A segment that the operator declared: one for the whole node. Readers and writers are globs ("*", "?") on namespaces,
// local_namespace for containers outside of Kubernetes; who may write may read.
struct DeclaredSegment {
    std::string name;
    std::optional<Size> size; // else as its first member says
    std::vector<std::string> readers;
    std::vector<std::string> writers;
    bool keep = false; // when its last member has gone
    bool exec = false; // members may map and run what is in it
};

inline constexpr std::string_view local_namespace = "@local";

struct Config {
    DiskConfig disk;
    std::vector<DeclaredSegment> segments; // sorted by name
};

// The text of a node config. Code::bad_config, with the JSON path and the reason; a member that this version does not
// know is one too, as it is a typing error or a wish that would not come true.
[[nodiscard]] Result<Config> parse_config(std::string_view text);

} // namespace bulkhead::policy
