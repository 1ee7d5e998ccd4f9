// SPDX-License-Identifier: Apache-2.0
// Who is a member of one segment: STATE/segments/SCOPE/NAME.members, with a symlink for each that is named after the
// container's first process (PID-STARTTIME-BOOT) and leads to its receipt. A member is one as long as that process
// lives, so that there is no count which could be wrong. Beside them terms.json: what the first one agreed on.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/ledger/owner.h"
#include "runtime/ledger/segment_home.h"
#include "runtime/policy/segments.h"
#include "runtime/resources/segment_tmpfs.h"
#include "runtime/sys/procfs.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::ledger {

inline constexpr std::string_view members_suffix = ".members";

// One segment's members, locked: joining, leaving and gc take turns.
class SegmentMembers {
public:
    // Made where it is missing. Waits up to 3 s, then Code::busy.
    [[nodiscard]] static Result<SegmentMembers> open_or_make(const SegmentHome& home,
                                                             const policy::SegmentPlace& place);
    // nullopt where it is not there.
    [[nodiscard]] static Result<std::optional<SegmentMembers>>
    open(const SegmentHome& home, const policy::SegmentPlace& place, unsigned deadline_ms);

    // Where the tmpfs is mounted.
    [[nodiscard]] BorrowedFd scope() const { return scope_.borrow(); }

    // `receipt` is its path below the state directory.
    [[nodiscard]] Result<void> add(const Owner& owner, const std::string& receipt) const;
    [[nodiscard]] Result<void> remove(const Owner& owner) const;

    enum class Dead : bool { leave, remove };
    // Whether any member lives. Those that are seen to be gone before one that lives are removed, if `dead` says so.
    [[nodiscard]] Result<bool> any(Dead dead) const;

    [[nodiscard]] Result<void> write_terms(const resources::SegmentTerms& terms) const;
    // Code::internal where there are none, or not as they were written.
    [[nodiscard]] Result<resources::SegmentTerms> terms() const;

    // Once nothing is mounted and nobody is a member: removes all of it, and the mount point.
    [[nodiscard]] Result<void> remove_all() const;

private:
    SegmentMembers() = default;
    [[nodiscard]] static Result<SegmentMembers> lock(const SegmentHome& home, const policy::SegmentPlace& place,
                                                     IfMissing if_missing, unsigned deadline_ms);

    policy::SegmentPlace place_;
    UniqueFd scope_;
    UniqueFd members_; // locked
};

// For who only looks: without the lock, of the open directory NAME.members.
[[nodiscard]] Result<std::vector<sys::ProcessIdentity>> living_members(BorrowedFd members);
// As SegmentMembers::terms(). `place` is for the message.
[[nodiscard]] Result<resources::SegmentTerms> read_segment_terms(BorrowedFd members, const policy::SegmentPlace& place);

} // namespace bulkhead::ledger
