// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/pid_neighbours.h"

#include "runtime/ledger/store.h"
#include "runtime/sys/file.h"
#include "runtime/sys/procfs.h"

#include <algorithm>
#include <fcntl.h>
#include <iterator>

namespace bulkhead::ledger {

namespace {

bool lives_in(const Receipt& receipt, const sys::FileStatus& ns) {
    const auto process = sys::Process::open(receipt.process.pid);
    if (!process || process->identity() != receipt.process) {
        return false;
    }
    const auto own = process->pid_namespace();
    return own && own->device == ns.device && own->inode == ns.inode;
}

bool is_guarded(const Receipt& receipt) { return receipt.guard && receipt.guard->put_up; }

// Of one id those that live in `ns`.
std::vector<Receipt> receipts_in(const Store& store, const std::string& id, const sys::FileStatus& ns) {
    auto receipts = store.receipts_of(id).value_or(std::vector<Receipt>{});
    std::erase_if(receipts, [&](const Receipt& receipt) { return !lives_in(receipt, ns); });
    return receipts;
}

Result<std::vector<Receipt>> receipts_in(const std::string& ns_path, const Store& store) {
    TRY_ASSIGN(const auto file, sys::open_at(sys::working_directory, ns_path, O_PATH));
    TRY_ASSIGN(const auto ns, sys::status_of(file.borrow()));
    TRY_ASSIGN(const auto ids, store.ids());
    std::vector<Receipt> found;
    for (const auto& id : ids) {
        std::ranges::move(receipts_in(store, id, ns), std::back_inserter(found));
    }
    return found;
}

} // namespace

std::vector<Receipt> pid_neighbours(const oci::Confinement& confinement, const std::string& state_dir) {
    if (confinement.pid != oci::PidNamespace::joined) {
        return {};
    }
    const auto store = Store::open(state_dir);
    return store && *store ? receipts_in(confinement.pid_path, **store).value_or(std::vector<Receipt>{})
                           : std::vector<Receipt>{};
}

std::optional<bool> all_guarded(const std::vector<Receipt>& receipts) {
    return receipts.empty() ? std::nullopt : std::optional(std::ranges::all_of(receipts, is_guarded));
}

Result<bool> mark_escapable(const std::string& state_dir, const Receipt& receipt, const std::string& reason) {
    TRY_ASSIGN(const auto store, Store::open(state_dir));
    TRY_ASSIGN(const auto entry,
               store ? store->existing_entry(receipt.id, receipt.bundle) : Result<std::optional<Entry>>());
    TRY_ASSIGN(auto now, entry ? entry->read() : Result<std::optional<Receipt>>());
    if (!now || now->process != receipt.process || !now->disk || !now->guard || !now->guard->escapable.empty()) {
        return false;
    }
    now->guard->escapable = reason;
    TRY(entry->write(*now));
    return true;
}

} // namespace bulkhead::ledger
