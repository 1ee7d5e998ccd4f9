// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/segment_remains.h"

#include "runtime/sys/emptying.h"
#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/mount_copies.h"
#include "runtime/sys/random.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <sys/stat.h>
#include <utility>

namespace bulkhead::ledger {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view infix = ".left-"; // no segment has a dot in its name
constexpr milliseconds longest_collection{60'000};
constexpr milliseconds longest_look{1000};

Result<UniqueFd> open_top(BorrowedFd scope, const std::string& name) {
    return sys::open_at(scope, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

// Where the node has something mounted in the segment, what it is mounted on only goes once that is off, too.
Result<void> take_off(BorrowedFd scope, const std::string& name, BorrowedFd top, const Result<void>& emptied) {
    TRY(sys::detach_mount(scope, name));
    if (!emptied && emptied.error().code != Code::busy) {
        static_cast<void>(sys::empty_directory(top, milliseconds(1000)));
    }
    return {};
}

// ENOENT, EINVAL: another process has done it.
Result<void> unless_gone(Result<void> done) {
    const bool gone = !done && (done.error().number == ENOENT || done.error().number == EINVAL);
    return gone ? Result<void>{} : std::move(done);
}

} // namespace

bool is_name_of_remains(std::string_view name) { return name.contains(infix); }

Result<void> SegmentRemains::empty(BorrowedFd top) {
    const auto begin = steady_clock::now();
    auto emptied = sys::empty_directory(top, left_);
    left_ -= std::min(left_, std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin));
    return emptied;
}

Result<void> SegmentRemains::discard(BorrowedFd scope, const std::string& name) {
    TRY_ASSIGN(const auto top, open_top(scope, name));
    const auto emptied = empty(top.borrow());
    return !emptied && emptied.error().code == Code::busy ? put_aside(scope, name, top.borrow())
                                                          : take_off(scope, name, top.borrow(), emptied);
}

// On a name that no process has seen before, so that none takes off what another has just put there.
Result<void> SegmentRemains::put_aside(BorrowedFd scope, const std::string& name, BorrowedFd top) {
    TRY_ASSIGN(const auto number, sys::random_below(std::numeric_limits<std::uint32_t>::max()));
    const auto aside = name + std::string(infix) + std::to_string(number);
    TRY(sys::make_directory_at(scope, aside, S_IRWXU));
    TRY_ASSIGN(const auto target, sys::open_at(scope, aside, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(sys::attach_mount(top, target.borrow())); // which takes it off where it was
    aside_ = aside;
    unfinished_ = name;
    return {};
}

Result<void> SegmentRemains::finish(BorrowedFd scope) {
    const auto aside = std::exchange(aside_, "");
    if (aside.empty()) {
        return {};
    }
    TRY_ASSIGN(auto top, sys::open_at(scope, aside, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY_ASSIGN(const auto place, sys::place_of(top.borrow()));
    top.reset();
    if (sys::may_have_copies(place.device, longest_look)) {
        return {};
    }
    TRY(unless_gone(sys::detach_mount(scope, aside)));
    TRY(unless_gone(sys::remove_directory_at(scope, aside)));
    unfinished_.clear();
    return {};
}

Result<void> SegmentRemains::finished() const {
    return unfinished_.empty() ? Result<void>{}
                               : fail(Code::busy, "segment " + unfinished_ +
                                                      ": nobody is a member any more, but it holds more than can be "
                                                      "removed at once and another mount namespace has a copy of its "
                                                      "mount; bulkhead gc frees the rest");
}

Result<bool> collect_remains(BorrowedFd scope, const std::string& name) {
    {
        const auto top = open_top(scope, name);
        if (!top) {
            return top.error().number == ENOENT ? Result<bool>(false) : std::unexpected(top.error());
        }
        TRY_ASSIGN(const auto place, sys::place_of(top->borrow()));
        if (place.mount_root) { // else whoever made it was killed
            const auto emptied = sys::empty_directory(top->borrow(), longest_collection);
            TRY(unless_gone(take_off(scope, name, top->borrow(), emptied)));
        }
    }
    TRY(unless_gone(sys::remove_directory_at(scope, name)));
    return true;
}

} // namespace bulkhead::ledger
