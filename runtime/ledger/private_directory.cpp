// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/private_directory.h"

#include "runtime/sys/file.h"

#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::ledger {

namespace {

Result<void> require_private(BorrowedFd file) {
    constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;
    TRY_ASSIGN(const auto status, sys::status_of(file));
    if (status.owner != 0 || (status.mode & writable_by_others) != 0) {
        TRY_ASSIGN(const auto path, sys::path_of(file));
        return fail(Code::internal, path + " is not root's alone to write; find out who changed it, then chown root "
                                           "and chmod go-w it");
    }
    return {};
}

Result<void> sync_parent_of(BorrowedFd directory) {
    TRY_ASSIGN(const auto parent, sys::open_at(directory, "..", O_RDONLY | O_DIRECTORY));
    return sys::sync(parent.borrow());
}

} // namespace

Result<UniqueFd> open_private_directory(BorrowedFd parent, const std::string& name, IfMissing if_missing) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    auto directory = sys::open_at(parent, name, flags);
    if (!directory && directory.error().number == ENOENT && if_missing != IfMissing::fail) {
        if (const auto made = sys::make_directory_at(parent, name, S_IRWXU); !made && made.error().number != EEXIST) {
            return std::unexpected(made.error());
        }
        directory = sys::open_at(parent, name, flags);
        if (directory && if_missing == IfMissing::make_synced) {
            TRY(sync_parent_of(directory->borrow()));
        }
    }
    if (directory) {
        TRY(require_private(directory->borrow()));
    }
    return directory;
}

Result<UniqueFd> open_private_file(BorrowedFd directory, const std::string& name, int flags) {
    TRY_ASSIGN(auto file, sys::open_at(directory, name, flags | O_NOFOLLOW | O_NONBLOCK, S_IRUSR | S_IWUSR));
    TRY(require_private(file.borrow()));
    return file;
}

Result<std::optional<std::string>> read_private_file(BorrowedFd directory, const std::string& name, std::size_t most) {
    const auto file = open_private_file(directory, name, O_RDONLY);
    if (!file) {
        return file.error().number == ENOENT ? Result<std::optional<std::string>>(std::nullopt)
                                             : std::unexpected(file.error());
    }
    return in_context(name, sys::read_all(file->borrow(), most));
}

} // namespace bulkhead::ledger
