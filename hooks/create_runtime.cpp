// SPDX-License-Identifier: Apache-2.0
#include "hooks/stages.h"
#include "runtime/base/quantity.h"
#include "runtime/ledger/store.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/request.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/plan.h"
#include "runtime/resources/cgroup.h"
#include "runtime/resources/shm.h"
#include "runtime/sys/file.h"
#include "runtime/sys/procfs.h"

#include <cerrno>
#include <optional>

namespace bulkhead::hook {

namespace {

using resources::CgroupLimits;
using resources::Container;
using resources::Shm;

// This version reads no node config. One that an operator has written must not be ignored in silence.
Result<void> require_no_config(const std::string& path) {
    for (const auto& place : {path, path + ".d"}) {
        const auto there = sys::open_at(sys::working_directory, place, O_PATH);
        if (there || there.error().number != ENOENT) {
            return fail(Code::bad_config, place + ": this version of bulkhead reads no node config; remove it");
        }
    }
    return {};
}

Result<sys::Process> open_process(const oci::State& state) {
    if (!state.pid || *state.pid <= 1) {
        return fail(Code::malformed_input, "the state names no process (pid is missing, 0 or 1)");
    }
    auto process = sys::Process::open(*state.pid);
    if (!process || process->dead()) {
        return fail(Code::system, "process " + std::to_string(*state.pid) + " of the container is gone");
    }
    return process;
}

// What a container wants, from its bundle alone.
struct Order {
    oci::Spec spec;
    oci::Engine engine;
    policy::Plan plan;
};

Result<Order> read_order(const oci::State& state) {
    Order order;
    TRY_ASSIGN(order.spec, oci::read_spec(state.bundle));
    TRY_ASSIGN(order.engine, oci::identify_engine(order.spec.annotations, state.id));
    if (order.engine.sandbox) {
        return order;
    }
    TRY_ASSIGN(const auto request, oci::parse_request(order.spec.annotations, order.engine.container_name));
    TRY_ASSIGN(const auto ram, sys::total_ram());
    TRY_ASSIGN(order.plan, policy::make_plan(request, policy::built_in_limits(Bytes{ram})));
    return order;
}

// What is there of this container already. True: a run before this one did the work.
Result<bool> settle_earlier_receipt(const ledger::Entry& entry, const sys::ProcessIdentity& process) {
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
    TRY(in_context("what an earlier container of this id left", ledger::release(*earlier)));
    return false;
}

// The walls of one container, looked at but not yet put up.
struct Walls {
    CgroupLimits cgroup;
    std::optional<Shm> shm;
};

Result<Walls> prepare(const policy::Plan& plan, const Container& container) {
    Walls walls;
    TRY_ASSIGN(walls.cgroup, CgroupLimits::prepare(plan.cgroup, container));
    if (plan.shm_size) {
        auto shm = Shm::prepare(*plan.shm_size, container);
        if (!shm) {
            return std::unexpected(plan.shm_size->explain(std::move(shm).error()));
        }
        walls.shm = *std::move(shm);
    }
    return walls;
}

Result<void> put_up(Walls& walls, const policy::Plan& plan, const Container& container) {
    if (auto applied = walls.cgroup.apply(); !applied) {
        return std::unexpected(plan.cgroup.front().explain(std::move(applied).error()));
    }
    if (walls.shm) {
        if (auto applied = walls.shm->apply(container); !applied) {
            return std::unexpected(plan.shm_size->explain(std::move(applied).error()));
        }
    }
    return {};
}

// Both, whatever becomes of the first.
Result<void> take_down(Walls& walls) {
    const auto shm = walls.shm ? walls.shm->undo() : Result<void>{};
    const auto cgroup = walls.cgroup.undo();
    return shm ? cgroup : shm;
}

Result<void> write_receipt(const ledger::Entry& entry, const oci::State& state, const policy::Plan& plan,
                           const Container& container, const Walls& walls) {
    ledger::Receipt receipt;
    receipt.id = state.id;
    receipt.bundle = state.bundle;
    receipt.process = container.process.identity();
    TRY_ASSIGN(receipt.boot_id, sys::boot_id());
    for (const auto& setting : plan.cgroup) {
        receipt.asked.push_back({.key = setting.annotation, .value = setting.text});
    }
    if (walls.shm) {
        receipt.asked.push_back({.key = plan.shm_size->annotation, .value = plan.shm_size->text});
        receipt.shm = walls.shm->record();
    }
    receipt.cgroup = walls.cgroup.record();
    return entry.write(receipt);
}

// tmpfs pages are charged to the cgroup of whoever touches them first: past the memory limit a write to /dev/shm is not
// refused, the container is killed.
void warn_of_shm_above_memory(const Shm& shm, const Container& container, const Report& report) {
    const auto limit = resources::memory_limit_in_force(container);
    if (limit && shm.record().new_size > *limit) {
        report.warning("/dev/shm may hold " + format(shm.record().new_size) +
                       ", more than the container's memory limit of " + format(*limit) +
                       ": filling it ends in an out-of-memory kill");
    }
}

void warn(const Walls& walls, const Container& container, const Report& report) {
    for (const auto& note : walls.cgroup.notes()) {
        report.warning(note);
    }
    if (walls.shm) {
        warn_of_shm_above_memory(*walls.shm, container, report);
    }
}

// Receipt first, then the work; whatever fails is taken back, and the receipt with it. What could not be taken back
// stays in the receipt: poststop, or the next container of this id, tries again.
Result<void> limit(Walls& walls, const Container& container, const policy::Plan& plan, const oci::State& state,
                   const ledger::Entry& entry, const Report& report) {
    auto limited = write_receipt(entry, state, plan, container, walls);
    if (limited) {
        limited = put_up(walls, plan, container);
    }
    if (limited) {
        warn(walls, container, report);
        return limited;
    }
    auto undone = take_down(walls);
    if (undone) {
        undone = entry.remove();
    }
    if (!undone) {
        report.warning("could not be undone, and stays in the receipt: " + undone.error().what);
    }
    return limited;
}

} // namespace

Result<void> create_runtime(const oci::State& state, const Arguments& arguments, const Report& report) {
    TRY(require_no_config(arguments.config));
    TRY_ASSIGN(const auto order, read_order(state));
    if (order.plan.empty()) {
        return {};
    }
    TRY_ASSIGN(const auto process, open_process(state));
    TRY_ASSIGN(const auto store, ledger::Store::open_or_make(arguments.state_dir));
    TRY_ASSIGN(const auto entry, store.entry(state.id, state.bundle));
    TRY_ASSIGN(const auto done, settle_earlier_receipt(entry, process.identity()));
    if (done) {
        return {};
    }
    const Container container{.id = state.id, .process = process, .spec = order.spec, .engine = order.engine};
    auto walls = prepare(order.plan, container);
    if (!walls) {
        static_cast<void>(entry.remove()); // nothing was done; an empty directory that stays is nobody's loss
        return std::unexpected(std::move(walls).error());
    }
    return limit(*walls, container, order.plan, state, entry, report);
}

} // namespace bulkhead::hook
