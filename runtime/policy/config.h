// SPDX-License-Identifier: Apache-2.0
// What the node's operator decided.
#pragma once

#include "runtime/base/error.h"

#include <cstdint>
#include <string_view>

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

struct Config {
    DiskConfig disk;
};

// The text of a node config. Code::bad_config, with the JSON path and the reason; a member that this version does not
// know is one too, as it is a typing error or a wish that would not come true.
[[nodiscard]] Result<Config> parse_config(std::string_view text);

} // namespace bulkhead::policy
