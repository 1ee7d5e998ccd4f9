// SPDX-License-Identifier: Apache-2.0
#include "hooks/walls.h"

#include "runtime/base/quantity.h"
#include "runtime/policy/precedence.h"
#include "runtime/sys/path.h"

namespace bulkhead::hook {

using resources::CgroupLimits;
using resources::Container;
using resources::DiskBook;
using resources::DiskLimit;
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

// `result`'s value into `into`.
template <typename Value, typename Into>
Result<void> keep(Result<Value> result, Into& into) {
    TRY_ASSIGN(into, std::move(result));
    return {};
}

// tmpfs pages are charged to the cgroup of whoever touches them first: past the memory limit a write to /dev/shm or a
// segment is not refused, the container is killed.
void warn_of_room_above_memory(const std::vector<Segments::Room>& rooms, std::optional<Bytes> limit,
                               const Container& container, const Report& report) {
    if (!limit && !rooms.empty()) {
        limit = resources::memory_limit_in_force(container);
    }
    for (const auto& [path, size] : rooms) {
        if (limit && size > *limit) {
            report.warning(path + " may hold " + format(size) + ", more than the container's memory limit of " +
                           format(*limit) + ": filling it ends in an out-of-memory kill");
        }
    }
}

} // namespace

Result<Walls> Walls::prepare(const policy::Plan& plan, const policy::Config& config, const Container& container,
                             DiskBook& book) {
    Walls walls;
    walls.config_ = &config;
    TRY(walls.prepare_all(plan, container, book));
    return walls;
}

Result<void> Walls::prepare_all(const policy::Plan& plan, const Container& container, DiskBook& book) {
    using oci::Resource;
    TRY(prepare_cgroup(plan.cgroup, container));
    if (plan.shm_size) {
        TRY(tolerate(Resource::shm, keep(Shm::prepare(*plan.shm_size, container), shm_)));
    }
    if (!plan.segments.empty()) {
        TRY(tolerate(Resource::segment, keep(Segments::prepare(plan.segments, container), segments_)));
    }
    // Last: it labels the layer.
    return plan.disk() ? tolerate(Resource::disk, prepare_disk(plan, container, book)) : Result<void>{};
}

// All at once or, where one cannot be had and may be left out, one more each time: v1's depend on each other.
Result<void> Walls::prepare_cgroup(const std::vector<oci::Setting>& settings, const Container& container) {
    auto all = keep(CgroupLimits::prepare(settings, config_->cgroup, container), cgroup_);
    if (all || !config_->on_error.warns(oci::Resource::cgroup)) {
        cgroup_asked_ = settings;
        return all;
    }
    auto& had = cgroup_asked_;
    for (const auto& setting : settings) {
        had.push_back(setting);
        const auto before = left_out_.size();
        TRY(tolerate(oci::Resource::cgroup, keep(CgroupLimits::prepare(had, config_->cgroup, container), cgroup_)));
        if (left_out_.size() > before) {
            had.pop_back();
        }
    }
    return {};
}

Result<void> Walls::prepare_disk(const policy::Plan& plan, const Container& container, DiskBook& book) {
    disk_asked_ = plan.disk_setting();
    auto layer = find_layer(container);
    auto disk = layer
                    ? DiskLimit::prepare(*std::move(layer), resources::disk_request(plan, container.spec, container.id),
                                         config_->disk, book)
                    : std::unexpected(std::move(layer).error());
    if (!disk) {
        return std::unexpected(disk_asked_.explain(std::move(disk).error()));
    }
    disk_ = *std::move(disk);
    return {};
}

Result<void> Walls::tolerate(oci::Resource resource, Result<void> done) {
    if (done || !policy::may_start_without(resource, done.error(), config_->on_error)) {
        return done;
    }
    left_out_.push_back({.resource = resource, .reason = std::move(done).error().what});
    return {};
}

// The same of what was half put up: what cannot be taken back stays an error.
template <typename Undo>
Result<void> Walls::tolerate(oci::Resource resource, Result<void> done, Undo undo) {
    const bool failed = !done.has_value();
    TRY(tolerate(resource, std::move(done)));
    if (failed) {
        not_taken_back_ = undo();
    }
    return not_taken_back_;
}

void Walls::write_into(ledger::Receipt& receipt) const {
    receipt.left_out = left_out_;
    for (const auto& setting : cgroup_asked_) {
        receipt.promises.push_back({.key = setting.key, .value = setting.value});
    }
    receipt.cgroup = cgroup_.record();
    if (shm_ && shm_->does_something()) {
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
    using oci::Resource;
    TRY(tolerate(Resource::cgroup, cgroup_.apply(), [&] {
        auto undone = cgroup_.undo();
        cgroup_asked_.clear();
        cgroup_ = {};
        return undone;
    }));
    if (shm_ && shm_->does_something()) {
        TRY(tolerate(Resource::shm, shm_->apply(container), [&] {
            auto undone = shm_->undo();
            shm_.reset();
            return undone;
        }));
    }
    if (disk_) {
        TRY(tolerate(Resource::disk, put_up_disk(book), [&] {
            auto undone = disk_->undo(book);
            disk_.reset();
            return undone;
        }));
    }
    if (segments_) {
        TRY(tolerate(Resource::segment, segments_->apply(container, segments), [&] {
            auto undone = segments_->undo(segments);
            segments_.reset();
            return undone;
        }));
    }
    return {};
}

Result<void> Walls::put_up_disk(DiskBook& book) {
    auto limited = disk_->apply(book);
    return limited ? std::move(limited) : std::unexpected(disk_asked_.explain(std::move(limited).error()));
}

Result<void> Walls::take_down(DiskBook& book, SegmentBook& segments) {
    const auto left = segments_ ? segments_->undo(segments) : Result<void>{};
    const auto disk = disk_ ? disk_->undo(book) : Result<void>{};
    if (disk) {
        disk_.reset(); // and with it the lock on the layer: whoever releases the shim's record takes that as well
    }
    const auto shm = shm_ ? shm_->undo() : Result<void>{};
    const auto cgroup = cgroup_.undo();
    TRY(not_taken_back_);
    TRY(left);
    TRY(disk);
    TRY(shm);
    return cgroup;
}

void Walls::warn(const Container& container, const Report& report) const {
    for (const auto& one : left_out_) {
        report.warning("started without: " + one.reason);
    }
    for (const auto& note : cgroup_.notes()) {
        report.warning(note);
    }
    for (const auto& note : shm_ ? shm_->notes() : std::vector<std::string>{}) {
        report.warning(note);
    }
    auto rooms = segments_ ? segments_->rooms() : std::vector<Segments::Room>{};
    if (shm_ && shm_->does_something()) {
        rooms.push_back({.path = "/dev/shm", .size = shm_->record().new_size});
    }
    warn_of_room_above_memory(rooms, cgroup_.memory_limit(), container, report);
    if (disk_) {
        for (const auto& note : disk_->notes()) {
            report.warning(disk_asked_.explain({.what = note}).what);
        }
    }
}

} // namespace bulkhead::hook
