// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/pid_neighbours.h"

#include "runtime/ledger/store.h"
#include "runtime/sys/file.h"
#include "runtime/sys/procfs.h"

#include <algorithm>
#include <fcntl.h>

namespace bulkhead::ledger {

namespace {

bool lives_in(const sys::Process& process, const sys::FileStatus& ns) {
    const auto own = process.pid_namespace();
    return own && own->device == ns.device && own->inode == ns.inode;
}

// Adds those of one id that live in `ns`.
void add_neighbours(PidNeighbours& neighbours, std::vector<Receipt> receipts, const sys::FileStatus& ns) {
    for (auto& receipt : receipts) {
        const auto process = sys::Process::open(receipt.process.pid);
        if (process && process->identity() == receipt.process && lives_in(*process, ns)) {
            neighbours.with_owner = neighbours.with_owner || process->is_first_of_pid_namespace().value_or(false);
            neighbours.receipts.push_back(std::move(receipt));
        }
    }
}

Result<PidNeighbours> neighbours_in(const std::string& ns_path, const Store& store) {
    TRY_ASSIGN(const auto file, sys::open_at(sys::working_directory, ns_path, O_PATH));
    TRY_ASSIGN(const auto ns, sys::status_of(file.borrow()));
    TRY_ASSIGN(const auto ids, store.ids());
    PidNeighbours neighbours;
    for (const auto& id : ids) {
        add_neighbours(neighbours, store.receipts_of(id).value_or(std::vector<Receipt>{}), ns);
    }
    return neighbours;
}

} // namespace

PidNeighbours pid_neighbours(const oci::Confinement& confinement, const std::string& state_dir) {
    if (confinement.pid != oci::PidNamespace::joined) {
        return {};
    }
    const auto store = Store::open(state_dir);
    return store && *store ? neighbours_in(confinement.pid_path, **store).value_or(PidNeighbours{}) : PidNeighbours{};
}

std::optional<bool> all_guarded(const PidNeighbours& neighbours) {
    const auto held = [](const Receipt& receipt) { return is_guarded(receipt) && receipt.guard->escapable.empty(); };
    return neighbours.with_owner ? std::optional(std::ranges::all_of(neighbours.receipts, held)) : std::nullopt;
}

bool any_guarded(const PidNeighbours& neighbours) { return std::ranges::any_of(neighbours.receipts, is_guarded); }

Result<bool> mark_escapable(const std::string& state_dir, const Receipt& receipt, const std::string& reason) {
    TRY_ASSIGN(const auto store, Store::open(state_dir));
    TRY_ASSIGN(const auto entry,
               store ? store->existing_entry(receipt.id, receipt.bundle) : Result<std::optional<Entry>>());
    TRY_ASSIGN(auto now, entry ? entry->read() : Result<std::optional<Receipt>>());
    if (!now || now->process != receipt.process || !is_guarded(*now) || !now->guard->escapable.empty()) {
        return false;
    }
    now->guard->escapable = reason;
    TRY(entry->write(*now));
    return true;
}

} // namespace bulkhead::ledger
