// SPDX-License-Identifier: Apache-2.0
// The tmpfs that a segment is.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"
#include "runtime/policy/segments.h"

#include <optional>
#include <string>
#include <sys/types.h>

namespace bulkhead::resources {

// What the first member agreed on for all. The size is the kernel's to tell, and may grow.
struct SegmentTerms {
    bool shaped = true; // else by one that has no say in it, and the next one that has may say other things
    mode_t mode = 01777;
    uid_t owner = 0;
    gid_t group = 0;
    std::optional<Count> inodes; // else by the size
    std::string huge;            // empty: the kernel's default
    bool noswap = false;
    bool keep = false;

    bool operator==(const SegmentTerms&) const = default;
};
[[nodiscard]] SegmentTerms terms_of(const policy::SegmentPlan& plan);

// A new one, attached nowhere. Code::invalid_annotation where nobody named a size. `context`: SELinux's, or empty.
[[nodiscard]] Result<UniqueFd> make_segment(const policy::SegmentPlan& plan, const std::string& context);

// Whether a later member can have the segment whose root is `root`; grown where it asks for more. Code::busy where it
// names another value than the first one, or less size. Where that one had no say, `terms` become this one's and the
// segment is changed to them.
[[nodiscard]] Result<void> agree_on_segment(const policy::SegmentPlan& plan, SegmentTerms& terms, BorrowedFd root);

} // namespace bulkhead::resources
