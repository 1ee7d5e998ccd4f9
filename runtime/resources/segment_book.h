// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/policy/segments.h"

#include <string>

namespace bulkhead::resources {

// Who is a member of which segment: kept by the ledger, as it outlives the container and this process.
class SegmentBook {
public:
    SegmentBook() = default;
    SegmentBook(const SegmentBook&) = delete;
    SegmentBook(SegmentBook&&) = delete;
    SegmentBook& operator=(const SegmentBook&) = delete;
    SegmentBook& operator=(SegmentBook&&) = delete;
    virtual ~SegmentBook() = default;

    // Makes the book's container a member: with the first one the segment is made, with later ones it grows where they
    // ask for more. A mount of it, attached nowhere and private, with nosuid, nodev and noexec. `context` is SELinux's
    // for a new segment, or empty. Code::not_allowed: with it, all of its scope would exceed their maximum.
    // Code::invalid_annotation: no size and nothing there. Code::busy: other members
    // agreed on something else.
    [[nodiscard]] virtual Result<UniqueFd> join(const policy::SegmentPlan& plan, const std::string& context) = 0;

    // The container is no member any more; the last one takes the segment along, unless that is kept. Success where it
    // was none.
    [[nodiscard]] virtual Result<void> leave(const policy::SegmentPlace& place) = 0;
};

} // namespace bulkhead::resources
