// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/ledger/owner.h"
#include "runtime/ledger/segment_home.h"
#include "runtime/ledger/segment_members.h"
#include "runtime/ledger/segment_remains.h"
#include "runtime/policy/segments.h"
#include "runtime/resources/segment_book.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace bulkhead::ledger {

// The book of one owner: it joins and leaves as that owner. Everything is mounted in PID 1's mount namespace.
class SegmentRecords final : public resources::SegmentBook {
public:
    static constexpr std::chrono::milliseconds longest_emptying{1000};

    // `receipt`: where the owner's is, below the state directory. `patience`: for emptying, all segments together.
    explicit SegmentRecords(std::string state_dir, Owner owner = {}, std::string receipt = {},
                            std::chrono::milliseconds patience = longest_emptying);

    [[nodiscard]] Result<UniqueFd> join(const policy::SegmentPlan& plan, const std::string& context) override;
    [[nodiscard]] Result<void> leave(const policy::SegmentPlace& place) override;
    // The same for another owner, which is gone; whether the segment went with it.
    [[nodiscard]] Result<bool> leave_as(const Owner& owner, const policy::SegmentPlace& place);

    // The segments that are there; gc only, as is
    [[nodiscard]] Result<std::vector<policy::SegmentPlace>> places();
    // whether the segment has no member any more and, unless `dry_run`, was released. One that is kept is not, if the
    // operator still wants it kept (`keep`). Code::busy: somebody is at work on it.
    [[nodiscard]] Result<bool> collect(const policy::SegmentPlace& place, bool keep, bool dry_run);
    // What was too much to be removed by whoever left last; gc only, as is
    struct Remains {
        std::string scope;
        std::string name;
    };
    [[nodiscard]] Result<std::vector<Remains>> remains();
    // whether it was there and, unless `dry_run`, is gone.
    [[nodiscard]] Result<bool> collect_remains(const Remains& remains, bool dry_run);
    // Code::busy where this one left such.
    [[nodiscard]] Result<void> finished() const { return remains_.finished(); }
    // Takes away what a process that was killed left of no segment.
    [[nodiscard]] Result<void> tidy();

private:
    [[nodiscard]] Result<UniqueFd> join_at(const SegmentHome& home, const policy::SegmentPlan& plan,
                                           const std::string& context);
    [[nodiscard]] Result<void> finish(const SegmentHome& home, const std::string& scope);
    [[nodiscard]] Result<void> require_room(const policy::SegmentPlan& plan, BorrowedFd scope);
    [[nodiscard]] Result<void>
    for_each_entry(const std::function<void(const std::string& scope, const std::string& name)>& take);

    std::string state_dir_;
    Owner owner_;
    std::string receipt_;
    SegmentRemains remains_;
};

} // namespace bulkhead::ledger
