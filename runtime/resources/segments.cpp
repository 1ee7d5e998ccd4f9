// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/segments.h"

#include "runtime/resources/container_path.h"
#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/namespace.h"

#include <algorithm>
#include <cerrno>
#include <ranges>
#include <utility>

namespace bulkhead::resources {

namespace {

using policy::SegmentPlan;

// Else the segment would be mounted on the node, where nobody takes it off.
Result<void> require_mounts_of_its_own(const Container& container) {
    TRY_ASSIGN(const auto ns, container.process.mount_namespace());
    TRY_ASSIGN(const auto its, sys::status_of(ns.borrow()));
    TRY_ASSIGN(const auto ours, sys::status_behind(sys::working_directory, "/proc/self/ns/mnt"));
    if (its.inode == ours.inode) {
        return fail(Code::unsupported, "segments: the container has no mount namespace of its own; give it one");
    }
    return {};
}

// Of the container's type, at s0: every member can use it, whatever its categories. Empty without SELinux.
std::string selinux_context(const Container& container) {
    const auto& label = container.spec.mount_label;
    const auto level = std::ranges::count(label, ':') >= 3 ? label.find(':', label.find(':', label.find(':') + 1) + 1)
                                                           : std::string::npos;
    if (level == std::string::npos || !sys::open_at(sys::working_directory, "/sys/fs/selinux/enforce", O_PATH)) {
        return "";
    }
    return label.substr(0, level) + ":s0";
}

// With the ids of the container's user namespace, where it has one.
Result<void> set_flags(BorrowedFd mount, const SegmentPlan& plan, const Container& container) {
    const auto& asked = plan.asked.options;
    TRY_ASSIGN(const auto users, container.process.own_user_namespace());
    sys::MountFlags flags{.read_only = asked.read_only, .exec = asked.exec};
    if (users) {
        flags.ids_of = users->borrow();
    }
    auto changed = sys::change_mount(mount, flags);
    if (!changed && users && changed.error().number == EINVAL) {
        return fail(Code::unsupported,
                    "the container has a user namespace, and this kernel cannot map its ids onto a tmpfs, "
                    "which Linux 6.3 can; run it without one");
    }
    return changed;
}

} // namespace

Result<Segments> Segments::prepare(const std::vector<SegmentPlan>& plans, const Container& container) {
    Segments segments;
    TRY(require_mounts_of_its_own(container));
    TRY_ASSIGN(segments.root_, open_root(container));
    for (const auto& plan : plans) {
        auto target = SegmentTarget::find(segments.root_.borrow(), container, plan.asked.options.path);
        if (!target) {
            return std::unexpected(plan.asked.explain(std::move(target).error()));
        }
        segments.segments_.push_back({.plan = plan, .target = *std::move(target), .mount = UniqueFd()});
    }
    return segments;
}

std::vector<SegmentRecord> Segments::records() const {
    std::vector<SegmentRecord> records;
    for (const auto& segment : segments_) {
        const auto& asked = segment.plan.asked.options;
        records.push_back({.place = segment.plan.place, .path = asked.path, .read_only = asked.read_only});
    }
    return records;
}

Result<void> Segments::make_target(Segment& segment, const Container& container) const {
    if (segment.target.complete()) {
        return {};
    }
    TRY_ASSIGN(const auto owner, container.process.namespace_root());
    auto made = segment.target.make(owner);
    if (!made && made.error().code == Code::busy) { // it may be the /dev/shm that we have just mounted ourselves
        TRY(segment.target.undo());
        TRY_ASSIGN(segment.target, SegmentTarget::find(root_.borrow(), container, segment.plan.asked.options.path));
        made = segment.target.make(owner);
    }
    return made;
}

Result<void> Segments::join(Segment& segment, const Container& container, SegmentBook& book) const {
    const auto& asked = segment.plan.asked;
    if (auto made = make_target(segment, container); !made) {
        return std::unexpected(asked.explain(std::move(made).error()));
    }
    segment.joined = true; // even if that fails half-way
    TRY_ASSIGN(segment.mount, book.join(segment.plan, selinux_context(container)));
    auto set = set_flags(segment.mount.borrow(), segment.plan, container);
    return set ? std::move(set) : std::unexpected(asked.explain(std::move(set).error()));
}

Result<void> Segments::attach(const Container& container) {
    TRY_ASSIGN(mount_namespace_, container.process.mount_namespace());
    TRY_ASSIGN(const auto visit, sys::MountNamespaceVisit::enter(mount_namespace_.borrow()));
    for (auto& segment : segments_) {
        TRY(sys::attach_mount(segment.mount.borrow(), segment.target.directory()));
        segment.attached = true;
    }
    return {};
}

// The container may be started without its segments: what is mounted must not outlast its being a member.
Result<void> Segments::detach() {
    if (std::ranges::none_of(segments_, &Segment::attached)) {
        return {};
    }
    TRY_ASSIGN(const auto visit, sys::MountNamespaceVisit::enter(mount_namespace_.borrow()));
    for (auto& segment : std::views::reverse(segments_)) {
        auto detached = segment.attached ? sys::detach_mount(segment.mount.borrow()) : Result<void>{};
        if (!detached && detached.error().number != EINVAL) { // EINVAL: it is gone, with the directory it was on
            return in_context("segments", std::move(detached));
        }
        segment.attached = false;
    }
    return {};
}

Result<void> Segments::apply(const Container& container, SegmentBook& book) {
    for (auto& segment : segments_) {
        TRY(join(segment, container, book));
    }
    TRY(in_context("segments", attach(container)));
    for (const auto& segment : segments_) {
        if (auto there = segment.target.verify(root_.borrow(), container, segment.mount.borrow()); !there) {
            return std::unexpected(segment.plan.asked.explain(std::move(there).error()));
        }
    }
    return {};
}

std::vector<Segments::Room> Segments::rooms() const {
    std::vector<Room> rooms;
    for (const auto& segment : segments_) {
        const auto& asked = segment.plan.asked.options;
        const auto use = asked.read_only ? std::unexpected(Error{}) : sys::tmpfs_use(segment.mount.borrow());
        if (use) {
            rooms.push_back({.path = asked.path, .size = use->size});
        }
    }
    return rooms;
}

Result<void> Segments::undo(SegmentBook& book) {
    TRY(detach());
    Result<void> first;
    const auto keep_first = [&](Result<void> result) {
        if (first && !result) {
            first = std::move(result);
        }
    };
    for (auto& segment : std::views::reverse(segments_)) { // one may lie in a directory that another made
        keep_first(segment.target.undo());
        segment.mount.reset();
        if (std::exchange(segment.joined, false)) {
            keep_first(book.leave(segment.plan.place));
        }
    }
    return first;
}

} // namespace bulkhead::resources
