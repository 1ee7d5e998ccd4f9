// SPDX-License-Identifier: Apache-2.0
#include "hooks/guard.h"
#include "hooks/stages.h"
#include "hooks/walls.h"
#include "runtime/ledger/counters.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/release.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/guard.h"
#include "runtime/policy/outlook.h"
#include "runtime/sys/file.h"
#include "runtime/sys/procfs.h"

#include <cerrno>
#include <optional>
#include <unistd.h>

namespace bulkhead::hook {

namespace {

using ledger::DiskRecords;
using ledger::Owner;
using ledger::SegmentRecords;
using resources::Container;

// Runtimes start the hook after the container's process. One that is younger has the number of a container's process
// that died since, along with the runtime that would have kept it.
Result<void> require_older_than_hook(const sys::Process& process) {
    TRY_ASSIGN(const auto hook, sys::Process::open(::getpid()));
    const auto number = std::to_string(process.identity().pid);
    if (process.identity() == hook.identity()) {
        return fail(Code::malformed_input,
                    "process " + number + " of the state is the hook's own, not the container's");
    }
    return process.identity().start_time > hook.identity().start_time
               ? fail(Code::system, "process " + number + " of the container is gone, and another one has its number")
               : Result<void>{};
}

Result<sys::Process> open_process(const oci::State& state, const Arguments& arguments) {
    if (!state.pid || *state.pid <= 1) {
        return fail(Code::malformed_input, "the state names no process (pid is missing, 0 or 1); register the hook for "
                                           "createRuntime and poststop alone, and without a stage if it is for both");
    }
    auto process = sys::Process::open(*state.pid);
    const bool gone = process ? process->dead() : process.error().number == ENOENT || process.error().number == ESRCH;
    if (gone) {
        return fail(Code::system, "process " + std::to_string(*state.pid) + " of the container is gone");
    }
    if (process && (process->is_thread() || process->is_of_kernel())) {
        return fail(Code::malformed_input, "process " + std::to_string(*state.pid) + " of the state is a thread of " +
                                               (process->is_thread() ? "one" : "the kernel"));
    }
    if (process && arguments.started_by_runtime) {
        TRY(require_older_than_hook(*process));
    }
    return process;
}

// What is to be done for a container.
struct Order {
    std::string config; // the text of its config.json
    oci::Spec spec;
    oci::Engine engine;
    policy::Outlook outlook;
};

// The annotations are judged first, then the config, then what the one may ask of the other. nullopt: nothing is to be
// done.
Result<std::optional<Order>> read_order(const oci::State& state, NodeConfig& node) {
    const auto path = state.bundle + "/config.json";
    TRY_ASSIGN(auto config, oci::read_config(path));
    TRY_ASSIGN(auto spec, in_context(path, oci::parse_spec(config, state.bundle)));
    TRY_ASSIGN(auto asking, policy::read_asking(spec, state.id, state.bundle));
    if (asking.engine.sandbox) {
        return std::nullopt; // without a look at the config
    }
    TRY_ASSIGN(const auto ram, sys::total_ram());
    TRY_ASSIGN(auto outlook,
               policy::look_ahead(asking.request, node.take(),
                                  {.engine = asking.engine, .ram = Bytes{ram}, .sys_admin = spec.may_have_sys_admin}));
    if (!outlook) {
        return std::nullopt;
    }
    return Order{.config = std::move(config),
                 .spec = std::move(spec),
                 .engine = std::move(asking.engine),
                 .outlook = *std::move(outlook)};
}

// What there is of this container already.
struct Earlier {
    bool done = false;                       // a run before this one did the work
    std::optional<ledger::Receipt> prepared; // the shim's, to be taken over
};

Result<Earlier> settle_earlier_receipt(const ledger::Entry& entry, const sys::ProcessIdentity& process,
                                       DiskRecords& disks, SegmentRecords& segments) {
    TRY_ASSIGN(auto earlier, entry.read());
    if (!earlier) {
        return Earlier{};
    }
    TRY_ASSIGN(const auto alive, ledger::is_alive(*earlier));
    if (alive && earlier->phase == ledger::Phase::prepared) {
        disks.succeed(*earlier);
        return Earlier{.done = false, .prepared = std::move(earlier)};
    }
    if (alive && earlier->process == process) {
        return Earlier{.done = true, .prepared = {}};
    }
    if (alive) {
        return fail(Code::busy, "another container of this id and bundle is running (process " +
                                    std::to_string(earlier->process.pid) + "); stop it first");
    }
    TRY(in_context("what an earlier container of this id left", ledger::release(*earlier, disks, segments)));
    return Earlier{};
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
    const std::optional<ledger::Receipt>& prepared; // by the shim
    std::optional<ledger::GuardRecord> guard;
};

// With what the disk limit itself cannot hold, once it is put up.
std::optional<ledger::GuardRecord> guard_record(const Work& work, const Walls& walls) {
    auto record = work.guard;
    if (record && record->escapable.empty()) {
        record->escapable = walls.disk_hole().value_or("");
    }
    return record;
}

Result<void> write_receipt(const Work& work, const Walls& walls) {
    ledger::Receipt receipt;
    static_cast<Owner&>(receipt) = work.owner;
    receipt.guard = guard_record(work, walls);
    for (const auto& setting : work.plan.all()) {
        receipt.asked.push_back({.key = setting.name(), .value = setting.text});
    }
    walls.write_into(receipt);
    return work.entry.write(receipt);
}

// Receipt first, then the work; then once more, if some of it was left out meanwhile.
Result<void> put_up(Walls& walls, const Work& work) {
    TRY(write_receipt(work, walls));
    const auto left_out_before = walls.left_out().size();
    TRY(walls.put_up(work.container, work.disks, work.segments));
    const auto hole = walls.disk_hole();
    TRY(policy::check_guard(work.plan, work.config.disk, hole));
    return hole || walls.left_out().size() > left_out_before ? write_receipt(work, walls) : Result<void>{};
}

// What the shim did and nothing of ours replaced, and then the receipt.
Result<void> remove_all(const Work& work) {
    if (work.prepared) {
        TRY(ledger::release(*work.prepared, work.disks, work.segments));
    }
    return work.entry.remove();
}

void warn_if_not(const Result<void>& undone, const Report& report) {
    if (!undone) {
        report.warning("could not be undone, and stays in the receipt: " + undone.error().what);
    }
}

void warn_if_escapable(const Work& work, const Walls& walls) {
    const auto& disk = work.config.disk;
    const auto guard = work.plan.disk() ? guard_record(work, walls) : std::nullopt;
    if (guard && !guard->escapable.empty() && disk.guard != policy::Guard::off && !disk.accounting_only) {
        work.report.warning(
            work.plan.disk_setting().explain({.what = "it can be taken off from inside: " + guard->escapable}).what);
    }
}

// Whatever fails is taken back, and the receipt with it. What could not be taken back stays in the receipt: poststop,
// or the next container of this id, tries again.
Result<void> put_up_or_take_back(Walls& walls, const Work& work) {
    auto limited = put_up(walls, work);
    if (limited) {
        walls.warn(work.container, work.report);
        warn_if_escapable(work, walls);
        return limited;
    }
    auto undone = walls.take_down(work.disks, work.segments);
    if (undone) {
        undone = remove_all(work);
    }
    warn_if_not(undone, work.report);
    return limited;
}

// Nothing but the shim's part is done yet.
std::unexpected<Error> refuse(const Work& work, Error error) {
    warn_if_not(remove_all(work), work.report);
    return std::unexpected(std::move(error));
}

Result<void> limit(Work work, const GuardSubject& subject, const std::string& state_dir) {
    auto guard = look_at_guard(subject, state_dir);
    if (!guard) {
        return refuse(work, std::move(guard).error());
    }
    work.guard = *std::move(guard);
    auto walls = Walls::prepare(work.plan, work.config, work.container, work.disks);
    return walls ? put_up_or_take_back(*walls, work) : refuse(work, std::move(walls).error());
}

// A container without walls that the shim guards, a sandbox among them: its receipt is the container's from now on. A
// limit that the config asked for just now, and does not any more, goes.
Result<void> take_over_guarded(const oci::State& state, const Arguments& arguments) {
    TRY_ASSIGN(const auto store, ledger::Store::open(arguments.state_dir));
    if (!store) {
        return {};
    }
    TRY_ASSIGN(const auto entry, store->existing_entry(state.id, state.bundle));
    if (!entry) {
        return {};
    }
    TRY_ASSIGN(const auto receipt, entry->read());
    if (!receipt || receipt->phase != ledger::Phase::prepared) {
        return {};
    }
    TRY_ASSIGN(const auto process, open_process(state, arguments));
    DiskRecords disks(ledger::disk_directory, arguments.state_dir);
    SegmentRecords segments(arguments.state_dir);
    TRY(ledger::release(*receipt, disks, segments));
    ledger::Receipt running;
    running.id = state.id;
    running.bundle = state.bundle;
    running.process = process.identity();
    running.boot_id = receipt->boot_id;
    running.guard = receipt->guard;
    return entry->write(running);
}

} // namespace

Result<void> create_runtime(const oci::State& state, const Arguments& arguments, NodeConfig& node,
                            const Report& report) {
    TRY_ASSIGN(const auto order, read_order(state, node));
    if (!order) {
        return take_over_guarded(state, arguments);
    }
    TRY_ASSIGN(const auto process, open_process(state, arguments));
    TRY_ASSIGN(const auto store, ledger::Store::open_or_make(arguments.state_dir));
    TRY_ASSIGN(const auto entry, store.entry(state.id, state.bundle));
    TRY_ASSIGN(const auto boot_id, sys::boot_id());
    const Owner owner{.id = state.id, .bundle = state.bundle, .process = process.identity(), .boot_id = boot_id};
    DiskRecords disks(ledger::disk_directory, arguments.state_dir, owner);
    SegmentRecords segments(arguments.state_dir, owner, "containers/" + entry.name());
    TRY_ASSIGN(const auto earlier, settle_earlier_receipt(entry, process.identity(), disks, segments));
    if (earlier.done) {
        return {};
    }
    const Container container{.id = state.id, .process = process, .spec = order->spec, .engine = order->engine};
    auto limited =
        limit({.plan = order->outlook.plan,
               .config = order->outlook.config,
               .container = container,
               .owner = owner,
               .entry = entry,
               .disks = disks,
               .segments = segments,
               .report = report,
               .prepared = earlier.prepared,
               .guard = {}},
              {.config = order->config, .spec = order->spec, .outlook = order->outlook, .prepared = earlier.prepared},
              arguments.state_dir);
    if (limited) {
        ledger::count_start(store);
    }
    return limited;
}

} // namespace bulkhead::hook
