// SPDX-License-Identifier: Apache-2.0
#include "runtime/inventory/inventory.h"

#include "runtime/inventory/cgroup_use.h"
#include "runtime/inventory/shm_use.h"
#include "runtime/ledger/segment_view.h"
#include "runtime/ledger/store.h"
#include "runtime/oci/annotation.h"
#include "runtime/resources/disk_release.h"
#include "runtime/sys/procfs.h"

#include <algorithm>
#include <tuple>

namespace bulkhead::inventory {

using ledger::Receipt;

namespace {

Guard guard_of(const Receipt& receipt) {
    if (!receipt.guard) {
        return Guard::none;
    }
    if (!receipt.guard->escapable.empty()) {
        return Guard::escapable;
    }
    if (receipt.guard->put_up) {
        return Guard::guarded;
    }
    return receipt.disk ? Guard::not_needed : Guard::none;
}

// A segment's receipt is found by its member's process.
class Stocktaking {
public:
    explicit Stocktaking(std::string boot_id) : boot_id_(std::move(boot_id)) {}

    Result<void> take_containers(const ledger::Store& store) {
        TRY_ASSIGN(auto ids, store.ids());
        std::ranges::sort(ids);
        for (const auto& id : ids) {
            const auto receipts = store.each_receipt_of(id);
            if (!receipts) {
                add_problem("containers/" + id, receipts.error());
                continue;
            }
            for (const auto& receipt : *receipts) {
                receipt ? take(*receipt) : add_problem("containers/" + id, receipt.error());
            }
        }
        return {};
    }

    Result<void> take_segments(const std::string& state_dir) {
        TRY_ASSIGN(auto views, ledger::view_segments(state_dir));
        for (const auto& view : views) {
            view ? take(*view) : add_problem("segments", view.error());
        }
        std::ranges::sort(inventory_.segments, {}, [](const Segment& segment) { return segment.place.path(); });
        return {};
    }

    Inventory inventory() && { return std::move(inventory_); }

private:
    void take(const Receipt& receipt) {
        Container container;
        container.id = receipt.id;
        container.bundle = receipt.bundle;
        container.pid = receipt.process.pid;
        copy_words(receipt, container);
        container.identity = identify(receipt.id, receipt.bundle);
        if (receipt.boot_id == boot_id_) {
            container.started = sys::started_at(receipt.process);
        }
        measure(receipt, container);
        inventory_.containers.push_back(std::move(container));
        // Start times of another boot mean nothing here.
        processes_.push_back(receipt.boot_id == boot_id_ ? receipt.process : sys::ProcessIdentity{});
    }

    static void copy_words(const Receipt& receipt, Container& container) {
        container.guard = guard_of(receipt);
        container.escapable = receipt.guard ? receipt.guard->escapable : "";
        for (const auto& segment : receipt.segments) {
            container.segments.push_back(
                {.place = segment.place, .path = segment.path, .read_only = segment.read_only});
        }
        for (const auto& [key, value] : receipt.asked) {
            container.asked.push_back({.key = key, .value = value, .by_config = !key.starts_with(oci::our_prefix)});
        }
        container.left_out = receipt.left_out;
    }

    static void measure(const Receipt& receipt, Container& container) {
        const auto alive = ledger::is_alive(receipt);
        if (!alive) {
            add(container, "status", alive.error());
        }
        if (alive && *alive) {
            container.status = receipt.phase == ledger::Phase::prepared ? Status::prepared : Status::running;
        }
        if (container.status == Status::running) {
            measure_running(receipt, container);
        }
        if (receipt.disk) {
            keep(container, "disk", container.disk, disk_use(*receipt.disk));
        }
    }

    // What could not be told of one that went meanwhile is no problem, nor is it what was told of whoever has its
    // number by now.
    static void measure_running(const Receipt& receipt, Container& container) {
        const auto process = sys::Process::open(receipt.process.pid);
        if (process) {
            keep(container, "shm", container.shm, shm_use(*process));
            keep(container, "memory", container.memory, in_cgroup<MemoryUse>(receipt, *process, "memory", memory_use));
            keep(container, "pids", container.pids, in_cgroup<PidsUse>(receipt, *process, "pids", pids_use));
        }
        const auto alive = ledger::is_alive(receipt);
        if (alive && !*alive) {
            container.status = Status::gone;
            container.shm.reset();
            container.memory.reset();
            container.pids.reset();
            container.problems.clear();
        }
    }

    template <typename Use>
    static Result<std::optional<Use>>
    in_cgroup(const Receipt& receipt, const sys::Process& process, std::string_view controller,
              Result<std::optional<Use>> (*measure)(const std::vector<sys::Cgroup>&)) {
        TRY_ASSIGN(const auto text, process.cgroup());
        const auto place = sys::find_cgroup(text, controller);
        if (!place) {
            return std::nullopt;
        }
        std::vector<sys::Cgroup> cgroups;
        for (const auto& each : container_cgroups(*place, receipt.id, receipt.cgroup)) {
            TRY_ASSIGN(auto cgroup, sys::Cgroup::open(each));
            cgroups.push_back(std::move(cgroup));
        }
        return measure(cgroups);
    }

    [[nodiscard]] static Result<std::optional<DiskUse>> disk_use(const ledger::DiskReference& disk) {
        resources::DiskHold hold;
        hold.filesystem = disk.filesystem;
        hold.id = disk.id;
        hold.upper = disk.upper;
        TRY_ASSIGN(const auto quota, resources::disk_usage(hold));
        DiskUse use;
        use.filesystem = disk.filesystem;
        use.id = disk.id;
        use.upper = disk.upper;
        use.used = quota.used_bytes;
        use.used_inodes = quota.used_inodes;
        if (quota.limits.hard_bytes.value != 0) {
            use.limit = quota.limits.hard_bytes;
        }
        if (quota.limits.hard_inodes.value != 0) {
            use.inodes_limit = quota.limits.hard_inodes;
        }
        return use;
    }

    template <typename Use>
    static void keep(Container& container, std::string_view what, std::optional<Use>& place,
                     const Result<std::optional<Use>>& use) {
        use ? static_cast<void>(place = *use) : add(container, what, use.error());
    }

    static void add(Container& container, std::string_view what, const Error& error) {
        container.problems.push_back(std::string(what).append(": ").append(error.what));
    }

    void take(const ledger::SegmentView& view) {
        Segment segment;
        segment.place = view.place;
        segment.mounted = view.use.has_value();
        segment.kept = view.kept();
        if (view.use) {
            segment.used = view.use->used;
            segment.size = view.use->size.value == 0 ? std::nullopt : std::optional(view.use->size);
        }
        for (const auto& process : view.members) {
            const auto found = std::ranges::find(processes_, process);
            const bool known = found != processes_.end();
            segment.members.push_back(
                {.pid = process.pid,
                 .container = known ? inventory_.containers[static_cast<std::size_t>(found - processes_.begin())].id
                                    : std::string()});
        }
        std::ranges::sort(segment.members, {},
                          [](const Member& member) { return std::tie(member.container, member.pid); });
        inventory_.segments.push_back(std::move(segment));
    }

    void add_problem(std::string name, const Error& error) {
        inventory_.problems.push_back({.name = std::move(name), .reason = error.what});
    }

    std::string boot_id_;
    Inventory inventory_;
    std::vector<sys::ProcessIdentity> processes_; // of the containers, in their order
};

} // namespace

Result<Inventory> take_inventory(const std::string& state_dir) {
    TRY_ASSIGN(auto boot_id, sys::boot_id());
    Stocktaking stocktaking(std::move(boot_id));
    TRY_ASSIGN(const auto store, ledger::Store::open(state_dir));
    if (store) {
        TRY(stocktaking.take_containers(*store));
        TRY(stocktaking.take_segments(state_dir));
    }
    return std::move(stocktaking).inventory();
}

} // namespace bulkhead::inventory
