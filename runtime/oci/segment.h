// SPDX-License-Identifier: Apache-2.0
// The value of io.bulkhead.segment.NAME: options, separated by commas or blanks (podman 4.3 cuts --annotation at
// commas).
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace bulkhead::oci {

constexpr std::size_t most_segments = 64; // of one container
constexpr std::size_t longest_segment_name = 43;
constexpr std::size_t longest_segment_value = 512; // receipts keep what was asked word for word, and are bounded

// What nobody named is nullopt: it is not compared with what others named.
struct SegmentOptions {
    std::string path; // where the container has it: absolute, without empty, "." and ".." components
    std::optional<Bytes> size;
    std::optional<mode_t> mode; // of its root directory, as are:
    std::optional<uid_t> owner; // in the container's user namespace where it is mapped, else in the node's
    std::optional<gid_t> group;
    std::optional<Count> inodes;
    std::optional<std::string> huge; // never, always, within_size or advise
    bool noswap = false;
    bool read_only = false;
    bool exec = false;
};

// 1 to 43 of a-z, 0-9 and "-", the first and the last a letter or a digit.
[[nodiscard]] bool is_segment_name(std::string_view name);

// Code::invalid_annotation; the message does not repeat `text`.
[[nodiscard]] Result<SegmentOptions> parse_segment_options(std::string_view text);

} // namespace bulkhead::oci
