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

// The name alone does not say where it is.
template <typename T>
std::unexpected<Error> in_directory(BorrowedFd directory, Result<T> result) {
    const auto path = sys::path_of(directory); // not of the working directory: that one's names are whole paths
    return std::unexpected(path ? std::move(result).error().in(*path) : std::move(result).error());
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
        if (auto made = sys::make_directory_at(parent, name, S_IRWXU); !made && made.error().number != EEXIST) {
            return in_directory(parent, std::move(made));
        }
        directory = sys::open_at(parent, name, flags);
        if (directory && if_missing == IfMissing::make_synced) {
            TRY(sync_parent_of(directory->borrow()));
        }
    }
    if (!directory) {
        return directory.error().number == ENOENT ? std::move(directory) : in_directory(parent, std::move(directory));
    }
    TRY(require_private(directory->borrow()));
    return directory;
}

Result<UniqueFd> open_private_file(BorrowedFd directory, const std::string& name, int flags) {
    TRY_ASSIGN(auto file, sys::open_at(directory, name, flags | O_NOFOLLOW | O_NONBLOCK, S_IRUSR | S_IWUSR));
    TRY(require_private(file.borrow()));
    return file;
}

Result<UniqueFd> open_private_file_alone(BorrowedFd directory, const std::string& name, int flags) {
    TRY_ASSIGN(auto file, open_private_file(directory, name, flags));
    TRY_ASSIGN(const auto status, sys::status_of(file.borrow()));
    return S_ISREG(status.mode) && status.links == 1
               ? Result<UniqueFd>(std::move(file))
               : fail(Code::internal, name + " is no regular file, or has another name besides; remove it");
}

Result<std::optional<std::string>> read_private_file(BorrowedFd directory, const std::string& name, std::size_t most) {
    const auto file = open_private_file(directory, name, O_RDONLY);
    if (!file) {
        return file.error().number == ENOENT ? Result<std::optional<std::string>>(std::nullopt)
                                             : std::unexpected(file.error());
    }
    auto text = sys::read_all(file->borrow(), most);
    if (!text && text.error().code == Code::malformed_input) {
        text.error().code = Code::internal; // it is our own
    }
    return in_context(name, std::move(text));
}

} // namespace bulkhead::ledger
