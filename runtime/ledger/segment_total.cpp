// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/segment_total.h"

#include "runtime/base/quantity.h"
#include "runtime/ledger/segment_remains.h"
#include "runtime/oci/segment.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/mount.h"

#include <algorithm>
#include <cerrno>
#include <limits>

namespace bulkhead::ledger {

namespace {

// 0 where it is not mounted, or goes at this moment. What is put aside grows no more: it counts for what it holds.
Result<Bytes> size_of(BorrowedFd scope, const std::string& name) {
    const auto root = sys::open_at(scope, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!root) {
        return root.error().number == ENOENT ? Result<Bytes>({}) : std::unexpected(root.error());
    }
    TRY_ASSIGN(const auto place, sys::place_of(root->borrow()));
    if (!place.mount_root) {
        return Bytes{};
    }
    TRY_ASSIGN(const auto use, sys::tmpfs_use(root->borrow()));
    return is_name_of_remains(name) ? use.used : use.size;
}

Result<Bytes> size_of_others(BorrowedFd scope, const std::string& name) {
    TRY_ASSIGN(const auto names, sys::list_directory(scope));
    Bytes sum;
    for (const auto& other : names) {
        if (other != name && (oci::is_segment_name(other) || is_name_of_remains(other))) { // not NAME.members
            TRY_ASSIGN(const auto size, size_of(scope, other));
            sum.value += std::min(size.value, std::numeric_limits<std::uint64_t>::max() - sum.value);
        }
    }
    return sum;
}

} // namespace

Result<void> require_room_in_scope(const policy::SegmentPlan& plan, BorrowedFd scope) {
    TRY_ASSIGN(const auto now, size_of(scope, plan.place.name));
    if (!plan.size || *plan.size <= now) {
        return {};
    }
    TRY_ASSIGN(const auto others, size_of_others(scope, plan.place.name));
    const auto& total = *plan.total;
    if (others.value <= total.value && plan.size->value <= total.value - others.value) {
        return {};
    }
    return plan.asked.refuse(Code::not_allowed, "all segments here together would exceed the maximum of " +
                                                    format(Bytes{total.value}) + " (" + total.origin +
                                                    "); others have " + format(others) + "; ask for less");
}

} // namespace bulkhead::ledger
