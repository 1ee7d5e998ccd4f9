// SPDX-License-Identifier: Apache-2.0
// The segments of one container: tmpfs that it shares with other members.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"
#include "runtime/policy/segments.h"
#include "runtime/resources/container.h"
#include "runtime/resources/segment_book.h"
#include "runtime/resources/segment_target.h"

#include <string>
#include <vector>

namespace bulkhead::resources {

// What must be remembered to leave when the container is gone.
struct SegmentRecord {
    policy::SegmentPlace place;
    std::string path; // in the container
    bool read_only = false;
};

class Segments {
public:
    // Looks whether each can be mounted where it was asked for; changes nothing. Errors, here and of apply(), name it.
    [[nodiscard]] static Result<Segments> prepare(const std::vector<policy::SegmentPlan>& plans,
                                                  const Container& container);

    [[nodiscard]] std::vector<SegmentRecord> records() const;

    // Joins them all, then mounts them in the container's mount namespace, where nothing is opened by path.
    // Code::unsupported: the container has a user namespace, and the kernel cannot map the ids of a tmpfs.
    [[nodiscard]] Result<void> apply(const Container& container, SegmentBook& book);
    // After apply(): where the container may fill a segment, and how far.
    struct Room {
        std::string path;
        Bytes size;
    };
    [[nodiscard]] std::vector<Room> rooms() const;
    // Takes apply() back while the container is still being created. It stays a member if a mount cannot be taken off;
    // any other failure hinders nothing else.
    [[nodiscard]] Result<void> undo(SegmentBook& book);

private:
    struct Segment {
        policy::SegmentPlan plan;
        SegmentTarget target;
        UniqueFd mount;
        bool joined = false;
        bool attached = false;
    };
    Segments() = default;

    [[nodiscard]] Result<void> make_target(Segment& segment, const Container& container) const;
    [[nodiscard]] Result<void> join(Segment& segment, const Container& container, SegmentBook& book) const;
    [[nodiscard]] Result<void> attach(const Container& container);
    [[nodiscard]] Result<void> detach();

    UniqueFd root_;            // the container's
    UniqueFd mount_namespace_; // the container's, once something is attached
    std::vector<Segment> segments_;
};

} // namespace bulkhead::resources
