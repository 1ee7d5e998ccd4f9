// SPDX-License-Identifier: Apache-2.0
// The state directory: STATE/containers/ID/HASH.json, HASH of the bundle's path (two engines may use one id).
// Everything in it is root's alone; anything else found there is Code::internal, never followed and never mended in
// silence.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/ledger/receipt.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::ledger {

// The place of one container's receipt. While it lives no other process of ours has the same id: createRuntime,
// poststop and gc of one container take turns.
class Entry {
public:
    [[nodiscard]] Result<std::optional<Receipt>> read() const;
    [[nodiscard]] Result<void> write(const Receipt& receipt) const;
    // Removes the receipt, and the id's directory where it was the last one. Success where there is none.
    [[nodiscard]] Result<void> remove() const;
    // "ID/HASH.json"
    [[nodiscard]] std::string name() const { return id_ + "/" + file_; }

private:
    friend class Store;
    Entry() = default;

    // The named files, then the directory where that leaves it empty.
    [[nodiscard]] Result<void> remove_files(const std::vector<std::string>& files) const;

    std::shared_ptr<UniqueFd> containers_;
    std::shared_ptr<UniqueFd> directory_; // locked
    std::string id_;
    std::string file_;
};

class Store {
public:
    // Makes the directory (its parent must be there) with mode 0700.
    [[nodiscard]] static Result<Store> open_or_make(const std::string& path);
    // nullopt where it is not there: nothing was ever done on this node.
    [[nodiscard]] static Result<std::optional<Store>> open(const std::string& path);

    // Waits up to 3 s for other processes of ours, then Code::busy.
    [[nodiscard]] Result<Entry> entry(const std::string& id, std::string_view bundle) const;
    // nullopt where nothing of that id is there.
    [[nodiscard]] Result<std::optional<Entry>> existing_entry(const std::string& id, std::string_view bundle) const;

    // The ids that have receipts, or had. Reads the whole directory: for gc, and for what is about other containers.
    [[nodiscard]] Result<std::vector<std::string>> ids() const;
    // The receipts of one id, by file name; does not wait: Code::busy while another process of ours has the id.
    [[nodiscard]] Result<std::vector<Entry>> entries_of(const std::string& id) const;
    // What the receipts of one id say at this moment, without waiting for anybody: whoever writes one replaces it
    // whole.
    [[nodiscard]] Result<std::vector<Receipt>> receipts_of(const std::string& id) const;
    // The same, where one that cannot be read does not hide the others.
    [[nodiscard]] Result<std::vector<Result<Receipt>>> each_receipt_of(const std::string& id) const;
    // Removes what a killed process left of an id that has no receipt. Success where there is nothing to remove.
    [[nodiscard]] Result<void> remove_leftovers(const std::string& id) const;

    [[nodiscard]] BorrowedFd directory() const { return directory_.borrow(); }

private:
    Store() = default;

    [[nodiscard]] Result<Entry> locked(const std::string& id, unsigned deadline_ms) const;

    UniqueFd directory_;
};

// Store::receipts_of() in the state directory `path`; none where it is not there.
[[nodiscard]] Result<std::vector<Receipt>> receipts_of(const std::string& path, const std::string& id);

// FNV-1a, 64 bits: a short name for a path or an id, the same in every version. Engines do not try to make collisions.
[[nodiscard]] std::uint64_t short_hash(std::string_view text);

} // namespace bulkhead::ledger
