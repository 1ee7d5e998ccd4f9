// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/replacement.h"

#include "runtime/sys/label.h"

#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::sys {

Result<Likeness> likeness_of(BorrowedFd file) {
    Likeness likeness;
    TRY_ASSIGN(likeness.status, status_of(file));
    TRY_ASSIGN(likeness.label, security_label(file));
    return likeness;
}

Result<UniqueFd> make_temporary_at(BorrowedFd directory, const std::string& name) {
    auto removed = unlink_at(directory, name);
    if (!removed && removed.error().number != ENOENT) {
        return std::unexpected(std::move(removed).error());
    }
    return open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR | S_IWUSR);
}

Result<void> make_like(BorrowedFd file, const Likeness& likeness) {
    constexpr mode_t permissions = 07777;
    const auto& [status, label] = likeness;
    TRY(set_owner_and_mode(file, status.owner, status.group, status.mode & permissions));
    return label ? set_security_label(file, *label) : Result<void>{};
}

} // namespace bulkhead::sys
