// SPDX-License-Identifier: Apache-2.0
// The one table of our annotations. The parser reads it; the manual page and the hooks.d pattern are held against it by
// a test.
#pragma once

#include "runtime/base/units.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bulkhead::oci {

constexpr std::string_view our_prefix = "io.bulkhead.";

enum class Key {
    shm_size,
    memory_max,
    memory_high,
    memory_low,
    memory_swap_max,
    memory_oom_group,
    pids_max,
    disk_size,
    disk_inodes,
    segment,
};
constexpr std::size_t key_count = 10;

// What a key's value is put on.
enum class Resource { shm, cgroup, disk, segment };
constexpr std::size_t resource_count = 4;
// As the node config and receipts call them.
constexpr std::array<std::string_view, resource_count> resource_names{"shm", "cgroup", "disk", "segments"};
[[nodiscard]] constexpr std::string_view name_of(Resource resource) {
    return resource_names[static_cast<std::size_t>(resource)];
}

enum class ValueType { bytes, count, boolean, segment };

struct KeyInfo {
    Key key;
    std::string_view name; // behind our_prefix
    Resource resource;
    ValueType type;
    std::uint64_t least; // smallest value that makes sense
    std::uint64_t most;  // largest that the kernel takes
    std::string_view doc;
};

constexpr std::uint64_t any_bytes = INT64_MAX;
constexpr std::uint64_t any_count = INT64_MAX;
constexpr std::uint64_t largest_page = 65536;  // less is no page at all on some machines, and the kernel rounds down
constexpr std::uint64_t most_pids = 4'194'304; // PID_MAX_LIMIT (include/linux/threads.h)

constexpr std::array<KeyInfo, key_count> annotation_keys{{
    {Key::shm_size, "shm-size", Resource::shm, ValueType::bytes, 1, any_bytes, "Size of /dev/shm."},
    {Key::memory_max, "memory-max", Resource::cgroup, ValueType::bytes, largest_page, any_bytes,
     "Hard limit of the cgroup's memory."},
    {Key::memory_high, "memory-high", Resource::cgroup, ValueType::bytes, largest_page, any_bytes,
     "Memory above which the cgroup is throttled."},
    {Key::memory_low, "memory-low", Resource::cgroup, ValueType::bytes, 0, any_bytes,
     "Memory that is protected from reclaim."},
    {Key::memory_swap_max, "memory-swap-max", Resource::cgroup, ValueType::bytes, 0, any_bytes,
     "Hard limit of the cgroup's swap alone."},
    {Key::memory_oom_group, "memory-oom-group", Resource::cgroup, ValueType::boolean, 0, 1,
     "Whether the kernel's OOM killer kills the container as a whole."},
    {Key::pids_max, "pids-max", Resource::cgroup, ValueType::count, 1, most_pids, "Number of processes and threads."},
    {Key::disk_size, "disk-size", Resource::disk, ValueType::bytes, 1, any_bytes,
     "Hard limit of the bytes in the writable layer."},
    {Key::disk_inodes, "disk-inodes", Resource::disk, ValueType::count, 1, any_count,
     "Hard limit of the inodes in the writable layer."},
    // The one whose name goes on: with the segment's name in place of NAME (segment.h has its value).
    {Key::segment, "segment.NAME", Resource::segment, ValueType::segment, 0, 0,
     "A tmpfs that containers share under that name."},
}};

constexpr std::string_view segment_prefix = "segment.";

[[nodiscard]] constexpr const KeyInfo& info_of(Key key) { return annotation_keys[static_cast<std::size_t>(key)]; }

} // namespace bulkhead::oci
