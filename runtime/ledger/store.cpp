// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/store.h"

#include "runtime/ledger/private_directory.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

namespace bulkhead::ledger {

namespace {

constexpr std::size_t longest_receipt = 256UL << 10U;
constexpr unsigned lock_deadline_ms = 3000;

std::string name_of(std::string_view bundle) {
    std::array<char, 16> digits{};
    const auto [end, failure] = std::to_chars(digits.data(), digits.data() + digits.size(), short_hash(bundle), 16);
    return std::string(digits.data(), end).append(".json");
}

bool is_missing(const Error& error) { return error.number == ENOENT; }

} // namespace

std::uint64_t short_hash(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return hash;
}

Result<Store> Store::open_or_make(const std::string& path) {
    Store store;
    TRY_ASSIGN(store.directory_, open_private_directory(sys::working_directory, path, IfMissing::make));
    return store;
}

Result<std::optional<Store>> Store::open(const std::string& path) {
    Store store;
    auto directory = open_private_directory(sys::working_directory, path, IfMissing::fail);
    if (!directory) {
        return is_missing(directory.error()) ? Result<std::optional<Store>>(std::nullopt)
                                             : std::unexpected(directory.error());
    }
    store.directory_ = *std::move(directory);
    return store;
}

namespace {

// The id's directory, made where it is missing, and locked.
Result<UniqueFd> lock_directory(BorrowedFd containers, const std::string& id, unsigned deadline_ms) {
    for (int tries_left = 64;;) {
        auto directory = open_private_directory(containers, id, IfMissing::make);
        if (!directory && is_missing(directory.error()) && --tries_left > 0) {
            continue; // it went between our making and our opening it
        }
        if (!directory) {
            return std::unexpected(std::move(directory).error());
        }
        TRY(sys::lock_exclusively(directory->borrow(), deadline_ms));
        TRY_ASSIGN(const auto status, sys::status_of(directory->borrow()));
        if (status.links != 0) {
            return directory;
        }
        // Its last receipt went, and the directory with it, while we waited for the lock: make it anew.
    }
}

} // namespace

Result<Entry> Store::locked(const std::string& id, unsigned deadline_ms) const {
    Entry entry;
    entry.id_ = id;
    TRY_ASSIGN(auto containers, open_private_directory(directory_.borrow(), "containers", IfMissing::make));
    TRY_ASSIGN(auto directory, lock_directory(containers.borrow(), id, deadline_ms));
    entry.containers_ = std::make_shared<UniqueFd>(std::move(containers));
    entry.directory_ = std::make_shared<UniqueFd>(std::move(directory));
    return entry;
}

Result<Entry> Store::entry(const std::string& id, std::string_view bundle) const {
    TRY_ASSIGN(auto entry, locked(id, lock_deadline_ms));
    entry.file_ = name_of(bundle);
    return entry;
}

Result<std::optional<Entry>> Store::existing_entry(const std::string& id, std::string_view bundle) const {
    const auto there = sys::open_at(directory_.borrow(), "containers/" + id, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!there) {
        return is_missing(there.error()) ? Result<std::optional<Entry>>(std::nullopt) : std::unexpected(there.error());
    }
    TRY_ASSIGN(auto found, entry(id, bundle));
    return found;
}

Result<std::vector<std::string>> Store::ids() const {
    const auto containers = open_private_directory(directory_.borrow(), "containers", IfMissing::fail);
    if (!containers) {
        return is_missing(containers.error()) ? Result<std::vector<std::string>>()
                                              : std::unexpected(containers.error());
    }
    return sys::list_directory(containers->borrow());
}

namespace {
// What a killed process was writing. It goes with the receipt that it was to become, or as a leftover.
bool is_temporary(const std::string& file) { return file.starts_with('.'); }
} // namespace

Result<std::vector<Entry>> Store::entries_of(const std::string& id) const {
    TRY_ASSIGN(auto entry, locked(id, 0));
    TRY_ASSIGN(auto files, sys::list_directory(entry.directory_->borrow()));
    std::vector<Entry> entries;
    for (auto& file : files) {
        if (!is_temporary(file)) {
            entry.file_ = std::move(file);
            entries.push_back(entry);
        }
    }
    return entries;
}

Result<std::vector<Result<Receipt>>> Store::each_receipt_of(const std::string& id) const {
    const auto containers = open_private_directory(directory_.borrow(), "containers", IfMissing::fail);
    const auto directory = containers ? open_private_directory(containers->borrow(), id, IfMissing::fail)
                                      : std::unexpected(containers.error());
    std::vector<Result<Receipt>> receipts;
    if (!directory) {
        return is_missing(directory.error()) ? Result<std::vector<Result<Receipt>>>(std::move(receipts))
                                             : std::unexpected(directory.error());
    }
    TRY_ASSIGN(const auto files, sys::list_directory(directory->borrow()));
    for (const auto& file : files) {
        const auto text = is_temporary(file) ? Result<std::optional<std::string>>(std::nullopt)
                                             : read_private_file(directory->borrow(), file, longest_receipt);
        if (!text) {
            receipts.emplace_back(std::unexpected(text.error()));
        } else if (*text) { // else it went meanwhile
            receipts.push_back(in_context("receipt " + file, from_json(**text)));
        }
    }
    return receipts;
}

Result<std::vector<Receipt>> Store::receipts_of(const std::string& id) const {
    TRY_ASSIGN(auto each, each_receipt_of(id));
    std::vector<Receipt> receipts;
    for (auto& receipt : each) {
        TRY(receipt);
        receipts.push_back(*std::move(receipt));
    }
    return receipts;
}

Result<void> Store::remove_leftovers(const std::string& id) const {
    TRY_ASSIGN(const auto entry, locked(id, 0));
    TRY_ASSIGN(const auto files, sys::list_directory(entry.directory_->borrow()));
    return std::ranges::all_of(files, is_temporary) ? entry.remove_files(files) : Result<void>{};
}

namespace {
// Which file it is that cannot be read, or where there is no room.
template <typename T>
Result<T> in_place(BorrowedFd directory, Result<T> result) {
    if (result) {
        return result;
    }
    return in_context("receipt", in_context(sys::path_of(directory).value_or("."), std::move(result)));
}

std::unexpected<Error> damaged(BorrowedFd directory, const std::string& file, std::string_view why) {
    return fail(Code::internal, "receipt " + sys::path_of(directory).value_or(".") + "/" + file + ": " +
                                    std::string(why) + "; remove it when its container is gone");
}
} // namespace

Result<std::optional<Receipt>> Entry::read() const {
    TRY_ASSIGN(const auto text,
               in_place(directory_->borrow(), read_private_file(directory_->borrow(), file_, longest_receipt)));
    if (!text) {
        return std::nullopt;
    }
    auto receipt = from_json(*text);
    if (!receipt) {
        return damaged(directory_->borrow(), file_, receipt.error().what);
    }
    if (receipt->id != id_ || name_of(receipt->bundle) != file_) {
        return damaged(directory_->borrow(), file_, "it is another container's");
    }
    return *std::move(receipt);
}

Result<void> Entry::write(const Receipt& receipt) const {
    return in_place(directory_->borrow(), sys::replace_file_at(directory_->borrow(), file_, to_json(receipt)));
}

Result<void> Entry::remove() const { return remove_files({file_, sys::temporary_name(file_)}); }

Result<void> Entry::remove_files(const std::vector<std::string>& files) const {
    for (const auto& name : files) {
        if (const auto gone = sys::unlink_at(directory_->borrow(), name); !gone && !is_missing(gone.error())) {
            return gone;
        }
    }
    const auto gone = sys::remove_directory_at(containers_->borrow(), id_);
    const bool done = !gone && (gone.error().number == ENOTEMPTY || is_missing(gone.error()));
    return done ? Result<void>{} : gone;
}

Result<std::vector<Receipt>> receipts_of(const std::string& path, const std::string& id) {
    TRY_ASSIGN(const auto store, Store::open(path));
    return store ? store->receipts_of(id) : Result<std::vector<Receipt>>();
}

} // namespace bulkhead::ledger
