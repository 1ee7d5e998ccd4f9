// SPDX-License-Identifier: Apache-2.0
// A segment without members: taken off when it is empty. Just to unmount it is not enough: another mount namespace may
// have a copy of the mount, which would hold the memory.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <chrono>
#include <string>
#include <string_view>

namespace bulkhead::ledger {

class SegmentRemains {
public:
    // How long discard() may be at it, all segments together: whoever waits for a hook, or for the lock of a segment,
    // does not wait for millions of files.
    explicit SegmentRemains(std::chrono::milliseconds most) : left_(most) {}

    // Empties the segment that is mounted on `name` in `scope` and takes it off. What takes longer than may be is put
    // aside, mounted on NAME.left-NUMBER: the name is free at once. A process that is killed in here leaves something
    // that gc finds.
    [[nodiscard]] Result<void> discard(BorrowedFd scope, const std::string& name);

    [[nodiscard]] bool any_aside() const { return !aside_.empty(); }
    // Without the lock of the segment: takes off what discard() put aside in `scope` and nobody has a copy of. The
    // kernel frees it then, faster than it can be emptied, but nothing interrupts that. The rest is for
    // collect_remains().
    [[nodiscard]] Result<void> finish(BorrowedFd scope);

    // Code::busy where something stays that was put aside.
    [[nodiscard]] Result<void> finished() const;

private:
    [[nodiscard]] Result<void> empty(BorrowedFd top);
    [[nodiscard]] Result<void> put_aside(BorrowedFd scope, const std::string& name, BorrowedFd top);

    std::chrono::milliseconds left_;
    std::string aside_;      // since finish()
    std::string unfinished_; // a segment's name
};

[[nodiscard]] bool is_name_of_remains(std::string_view name);

// Empties what was put aside on `name` in `scope`, and takes it off. False where it is not there: another process may
// be at it as well. It has an end though somebody writes still, by a descriptor or a copy of the mount: he keeps the
// memory that he has.
[[nodiscard]] Result<bool> collect_remains(BorrowedFd scope, const std::string& name);

} // namespace bulkhead::ledger
