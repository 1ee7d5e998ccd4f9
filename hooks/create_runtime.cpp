// SPDX-License-Identifier: Apache-2.0
#include "hooks/stages.h"
#include "hooks/walls.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/release.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/outlook.h"
#include "runtime/sys/file.h"
#include "runtime/sys/procfs.h"
#include "runtime/sys/project.h"

#include <cerrno>
#include <optional>

namespace bulkhead::hook {

namespace {

using ledger::DiskRecords;
using ledger::Owner;
using ledger::SegmentRecords;
using resources::Container;

Result<sys::Process> open_process(const oci::State& state) {
    if (!state.pid || *state.pid <= 1) {
        return fail(Code::malformed_input, "the state names no process (pid is missing, 0 or 1); register the hook for "
                                           "createRuntime and poststop alone, and without a stage if it is for both");
    }
    auto process = sys::Process::open(*state.pid);
    const bool gone = process ? process->dead() : process.error().number == ENOENT || process.error().number == ESRCH;
    if (gone) {
        return fail(Code::system, "process " + std::to_string(*state.pid) + " of the container is gone");
    }
    return process;
}

// What is to be done for a container.
struct Order {
    oci::Spec spec;
    oci::Engine engine;
    policy::Outlook outlook;
};

// The annotations are judged first, then the config, then what the one may ask of the other. nullopt: nothing is to be
// done.
Result<std::optional<Order>> read_order(const oci::State& state, NodeConfig& node) {
    TRY_ASSIGN(auto spec, oci::read_spec(state.bundle));
    TRY_ASSIGN(auto asking, policy::read_asking(spec, state.id, state.bundle));
    if (asking.engine.sandbox) {
        return std::nullopt; // without a look at the config
    }
    TRY_ASSIGN(const auto ram, sys::total_ram());
    TRY_ASSIGN(auto outlook, policy::look_ahead(asking.request, node.take(),
                                                {.engine = asking.engine,
                                                 .ram = Bytes{ram},
                                                 .guarded = sys::labels_are_guarded(),
                                                 .sys_admin = spec.may_have_sys_admin}));
    if (!outlook) {
        return std::nullopt;
    }
    return Order{.spec = std::move(spec), .engine = std::move(asking.engine), .outlook = *std::move(outlook)};
}

// What is there of this container already. True: a run before this one did the work.
Result<bool> settle_earlier_receipt(const ledger::Entry& entry, const sys::ProcessIdentity& process, DiskRecords& disks,
                                    SegmentRecords& segments) {
    TRY_ASSIGN(const auto earlier, entry.read());
    if (!earlier) {
        return false;
    }
    TRY_ASSIGN(const auto alive, ledger::is_alive(*earlier));
    if (alive && earlier->process == process) {
        return true;
    }
    if (alive) {
        return fail(Code::busy, "another container of this id and bundle is running (process " +
                                    std::to_string(earlier->process.pid) + "); stop it first");
    }
    TRY(in_context("what an earlier container of this id left", ledger::release(*earlier, disks, segments)));
    return false;
}

Result<void> write_receipt(const ledger::Entry& entry, const Owner& owner, const policy::Plan& plan,
                           const Walls& walls) {
    ledger::Receipt receipt;
    static_cast<Owner&>(receipt) = owner;
    for (const auto& setting : plan.all()) {
        receipt.asked.push_back({.key = setting.name(), .value = setting.text});
    }
    walls.write_into(receipt);
    return entry.write(receipt);
}

// What happens to one container, and where it is remembered.
struct Work {
    const policy::Plan& plan;
    const policy::Config& config;
    const Container& container;
    const Owner& owner;
    const ledger::Entry& entry;
    DiskRecords& disks;
    SegmentRecords& segments;
    const Report& report;
};

// Receipt first, then the work; then once more, if some of it was left out meanwhile.
Result<void> put_up(Walls& walls, const Work& work) {
    TRY(write_receipt(work.entry, work.owner, work.plan, walls));
    const auto left_out_before = walls.left_out().size();
    TRY(walls.put_up(work.container, work.disks, work.segments));
    return walls.left_out().size() > left_out_before ? write_receipt(work.entry, work.owner, work.plan, walls)
                                                     : Result<void>{};
}

// Whatever fails is taken back, and the receipt with it. What could not be taken back stays in the receipt: poststop,
// or the next container of this id, tries again.
Result<void> put_up_or_take_back(Walls& walls, const Work& work) {
    auto limited = put_up(walls, work);
    if (limited) {
        walls.warn(work.container, work.report);
        return limited;
    }
    auto undone = walls.take_down(work.disks, work.segments);
    if (undone) {
        undone = work.entry.remove();
    }
    if (!undone) {
        work.report.warning("could not be undone, and stays in the receipt: " + undone.error().what);
    }
    return limited;
}

Result<void> limit(const Work& work) {
    auto walls = Walls::prepare(work.plan, work.config, work.container, work.disks);
    if (!walls) {
        static_cast<void>(work.entry.remove()); // nothing was done; an empty directory that stays is nobody's loss
        return std::unexpected(std::move(walls).error());
    }
    return put_up_or_take_back(*walls, work);
}

} // namespace

Result<void> create_runtime(const oci::State& state, const Arguments& arguments, NodeConfig& node,
                            const Report& report) {
    TRY_ASSIGN(const auto order, read_order(state, node));
    if (!order) {
        return {};
    }
    TRY_ASSIGN(const auto process, open_process(state));
    TRY_ASSIGN(const auto store, ledger::Store::open_or_make(arguments.state_dir));
    TRY_ASSIGN(const auto entry, store.entry(state.id, state.bundle));
    TRY_ASSIGN(const auto boot_id, sys::boot_id());
    const Owner owner{.id = state.id, .bundle = state.bundle, .process = process.identity(), .boot_id = boot_id};
    DiskRecords disks(ledger::disk_directory, arguments.state_dir, owner);
    SegmentRecords segments(arguments.state_dir, owner, "containers/" + entry.name());
    TRY_ASSIGN(const auto done, settle_earlier_receipt(entry, process.identity(), disks, segments));
    if (done) {
        return {};
    }
    const Container container{.id = state.id, .process = process, .spec = order->spec, .engine = order->engine};
    return limit({.plan = order->outlook.plan,
                  .config = order->outlook.config,
                  .container = container,
                  .owner = owner,
                  .entry = entry,
                  .disks = disks,
                  .segments = segments,
                  .report = report});
}

} // namespace bulkhead::hook
