// SPDX-License-Identifier: Apache-2.0
#include "hooks/stages.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/release.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"

namespace bulkhead::hook {

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
        TRY_ASSIGN(const auto alive, ledger::is_alive(*receipt));
        if (alive) {
            return {};
        }
        ledger::DiskRecords disks(ledger::disk_directory, arguments.state_dir);
        ledger::SegmentRecords segments(arguments.state_dir);
        TRY(ledger::release(*receipt, disks, segments));
    }
    return entry->remove();
}

} // namespace bulkhead::hook
