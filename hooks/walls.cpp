// SPDX-License-Identifier: Apache-2.0
#include "hooks/walls.h"

#include "runtime/base/quantity.h"
#include "runtime/sys/path.h"

namespace bulkhead::hook {

using resources::CgroupLimits;
using resources::Container;
using resources::DiskBook;
using resources::DiskLimit;
using resources::DiskRequest;
using resources::Layer;
using resources::SegmentBook;
using resources::Segments;
using resources::Shm;

namespace {

Result<Layer> find_layer(const Container& container) {
    TRY_ASSIGN(const auto process_root, container.process.root());
    TRY_ASSIGN(const auto root,
               in_context("container root", sys::open_directory_in(process_root.borrow(), container.spec.root,
                                                                   sys::Symlinks::follow_inside)));
    return Layer::find(root.borrow(), container.process);
}

Result<DiskLimit> prepare_disk(const policy::Plan& plan, const policy::DiskConfig& config, const Container& container,
                               DiskBook& book) {
    DiskRequest request;
    if (plan.disk_size) {
        request.size = Bytes{plan.disk_size->value};
    }
    if (plan.disk_inodes) {
        request.inodes = Count{plan.disk_inodes->value};
    }
    request.files = resources::own_files(container.spec.binds, container.id);
    TRY_ASSIGN(auto layer, find_layer(container));
    return DiskLimit::prepare(std::move(layer), request, config, book);
}

// tmpfs pages are charged to the cgroup of whoever touches them first: past the memory limit a write to /dev/shm or a
// segment is not refused, the container is killed.
void warn_of_room_above_memory(const std::vector<Segments::Room>& rooms, const Container& container,
                               const Report& report) {
    const auto limit = rooms.empty() ? std::nullopt : resources::memory_limit_in_force(container);
    for (const auto& [path, size] : rooms) {
        if (limit && size > *limit) {
            report.warning(path + " may hold " + format(size) + ", more than the container's memory limit of " +
                           format(*limit) + ": filling it ends in an out-of-memory kill");
        }
    }
}

} // namespace

Result<Walls> Walls::prepare(const policy::Plan& plan, const policy::DiskConfig& config, const Container& container,
                             DiskBook& book) {
    Walls walls;
    TRY_ASSIGN(walls.cgroup_, CgroupLimits::prepare(plan.cgroup, container));
    if (plan.shm_size) {
        TRY_ASSIGN(walls.shm_, Shm::prepare(*plan.shm_size, container));
    }
    if (!plan.segments.empty()) {
        TRY_ASSIGN(walls.segments_, Segments::prepare(plan.segments, container));
    }
    if (plan.disk()) { // last: it labels the layer
        walls.disk_asked_ = plan.disk_size ? *plan.disk_size : *plan.disk_inodes;
        auto disk = prepare_disk(plan, config, container, book);
        if (!disk) {
            return std::unexpected(walls.disk_asked_.explain(std::move(disk).error()));
        }
        walls.disk_ = *std::move(disk);
    }
    return walls;
}

void Walls::write_into(ledger::Receipt& receipt) const {
    receipt.cgroup = cgroup_.record();
    if (shm_) {
        receipt.shm = shm_->record();
    }
    if (disk_) {
        const auto& hold = disk_->record();
        receipt.disk = {.filesystem = hold.filesystem, .id = hold.id, .upper = hold.upper};
    }
    if (segments_) {
        receipt.segments = segments_->records();
    }
}

Result<void> Walls::put_up(const Container& container, DiskBook& book, SegmentBook& segments) {
    TRY(cgroup_.apply());
    if (shm_) {
        TRY(shm_->apply(container));
    }
    if (disk_) {
        if (auto limited = disk_->apply(book); !limited) {
            return std::unexpected(disk_asked_.explain(std::move(limited).error()));
        }
    }
    return segments_ ? segments_->apply(container, segments) : Result<void>{};
}

Result<void> Walls::take_down(DiskBook& book, SegmentBook& segments) {
    const auto left = segments_ ? segments_->undo(segments) : Result<void>{};
    const auto disk = disk_ ? disk_->undo(book) : Result<void>{};
    const auto shm = shm_ ? shm_->undo() : Result<void>{};
    const auto cgroup = cgroup_.undo();
    TRY(left);
    TRY(disk);
    TRY(shm);
    return cgroup;
}

void Walls::warn(const Container& container, const Report& report) const {
    for (const auto& note : cgroup_.notes()) {
        report.warning(note);
    }
    auto rooms = segments_ ? segments_->rooms() : std::vector<Segments::Room>{};
    if (shm_) {
        rooms.push_back({.path = "/dev/shm", .size = shm_->record().new_size});
    }
    warn_of_room_above_memory(rooms, container, report);
    if (disk_) {
        for (const auto& note : disk_->notes()) {
            report.warning(disk_asked_.explain({.what = note}).what);
        }
    }
}

} // namespace bulkhead::hook
