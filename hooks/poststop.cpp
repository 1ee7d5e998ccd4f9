// SPDX-License-Identifier: Apache-2.0
#include "hooks/stages.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/release.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"
#include "runtime/sys/process.h"
#include "runtime/sys/procfs.h"

#include <chrono>

namespace bulkhead::hook {

namespace {
// runc deletes a container whose threads are still being killed, though its first one is a zombie.
Result<bool> is_alive_for_good(const ledger::Owner& owner) {
    constexpr int most_looks = 50;
    constexpr std::chrono::milliseconds interval{20};
    for (int looks_left = most_looks;; --looks_left) {
        TRY_ASSIGN(const auto alive, ledger::is_alive(owner));
        const auto process = alive ? sys::Process::open(owner.process.pid) : std::unexpected(Error{});
        if (!alive || !process || !process->main_thread_ended() || looks_left == 0) {
            return alive;
        }
        sys::pause(interval);
    }
}

// What the shim prepared is the restored container's from now on. The disk's record comes first: while its owner lives
// it stays, whatever becomes of the receipt.
Result<void> take_over_restored(const oci::State& state, const Arguments& arguments, ledger::Receipt receipt,
                                const ledger::Entry& entry) {
    const auto process = state.pid && *state.pid > 1 ? sys::Process::open(*state.pid) : std::unexpected(Error{});
    const bool restored = process && !process->dead() && process->identity().start_time >= receipt.process.start_time;
    if (!restored) {
        return {}; // a late poststop, of a process that is gone or whose number is another's by now
    }
    const ledger::Owner before = receipt;
    receipt.process = process->identity();
    receipt.phase = ledger::Phase::running;
    if (receipt.disk) {
        ledger::DiskRecords disks(ledger::disk_directory, arguments.state_dir, receipt);
        TRY_ASSIGN(const auto record, disks.read(receipt.disk->filesystem, receipt.disk->id));
        if (record && record->owner == before) {
            TRY(disks.remember(record->hold));
        }
    }
    return entry.write(receipt);
}
} // namespace

Result<void> poststop(const oci::State& state, const Arguments& arguments) {
    TRY_ASSIGN(const auto store, ledger::Store::open(arguments.state_dir));
    if (!store) {
        return {};
    }
    TRY_ASSIGN(const auto entry, store->existing_entry(state.id, state.bundle));
    if (!entry) {
        return {};
    }
    TRY_ASSIGN(const auto receipt, entry->read());
    if (receipt) {
        TRY_ASSIGN(const auto alive, is_alive_for_good(*receipt));
        if (alive) {
            return receipt->phase == ledger::Phase::prepared ? take_over_restored(state, arguments, *receipt, *entry)
                                                             : Result<void>{};
        }
        ledger::DiskRecords disks(ledger::disk_directory, arguments.state_dir);
        ledger::SegmentRecords segments(arguments.state_dir);
        TRY(ledger::release(*receipt, disks, segments));
        TRY(entry->remove());
        return segments.finished(); // for the journal
    }
    return entry->remove();
}

} // namespace bulkhead::hook
