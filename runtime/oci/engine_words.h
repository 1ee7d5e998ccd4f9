// SPDX-License-Identifier: Apache-2.0
// What the engine wants of the runtime in config.json, in our terms. The hook has no need of it: it finds it done.
#pragma once

#include "runtime/oci/annotation.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::oci {

struct Bind {
    std::string destination; // in the container
    std::string source;      // on the host
    bool read_only = false;
};

struct EngineWords {
    // linux.resources, as runc and crun put it on the container's cgroup: bytes, a count, or 0 and 1. nullopt: no
    // limit, or none that is understood. Without a value for /dev/shm and the disk.
    std::array<std::optional<std::uint64_t>, key_count> limits;
    std::vector<Bind> binds;

    [[nodiscard]] const std::optional<std::uint64_t>& limit(Key key) const {
        return limits[static_cast<std::size_t>(key)];
    }
};

// Out of the text of a config.json. What is malformed in it is left out: that is the runtime's to refuse.
[[nodiscard]] EngineWords read_engine_words(std::string_view config);

// "65536k": a number as the kernel takes it in mount options and in cgroup files, with a k, m, g, t, p or e (powers of
// 1024) of either case. nullopt for anything else, such as "50%".
[[nodiscard]] std::optional<std::uint64_t> parse_kernel_size(std::string_view text);

} // namespace bulkhead::oci
