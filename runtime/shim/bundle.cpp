// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/bundle.h"

#include "runtime/sys/file.h"
#include "runtime/sys/label.h"

#include <cerrno>
#include <optional>
#include <sys/stat.h>

namespace bulkhead::shim {

namespace {

constexpr unsigned deadline_ms = 1000;
constexpr mode_t permissions = 07777;

// What the new file must have of the old one.
struct Likeness {
    sys::FileStatus status;
    std::optional<std::string> label;
};

Result<Likeness> likeness_of(BorrowedFd directory, const std::string& name) {
    constexpr std::string_view other_kind = "is not a regular file; the shim does not change such a config.json";
    const auto file = sys::open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!file) {
        return file.error().number == ELOOP ? fail(Code::malformed_input, std::string(other_kind))
                                            : std::unexpected(file.error());
    }
    Likeness likeness;
    TRY_ASSIGN(likeness.status, sys::status_of(file->borrow()));
    if (!S_ISREG(likeness.status.mode)) {
        return fail(Code::malformed_input, std::string(other_kind));
    }
    TRY_ASSIGN(likeness.label, sys::security_label(file->borrow()));
    return likeness;
}

// One that a killed process left goes first: whatever it is, a link to something else too, it is not written into.
Result<UniqueFd> make_temporary(BorrowedFd directory, const std::string& name) {
    auto removed = sys::unlink_at(directory, name);
    if (!removed && removed.error().number != ENOENT) {
        return std::unexpected(std::move(removed).error());
    }
    return sys::open_at(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR | S_IWUSR);
}

Result<void> write_like(BorrowedFd file, const Likeness& likeness, std::string_view text) {
    TRY(sys::write_all(file, text));
    const auto& [status, label] = likeness;
    TRY(sys::set_owner_and_mode(file, status.owner, status.group, status.mode & permissions));
    return label ? sys::set_security_label(file, *label) : Result<void>{};
}

Result<void> replace(const std::string& directory_path, const std::string& name, std::string_view text) {
    TRY_ASSIGN(const auto directory, sys::open_at(sys::working_directory, directory_path, O_RDONLY | O_DIRECTORY));
    TRY(sys::lock_exclusively(directory.borrow(), deadline_ms));
    TRY_ASSIGN(const auto likeness, likeness_of(directory.borrow(), name));
    const auto temporary = sys::temporary_name(name);
    TRY_ASSIGN(const auto file, make_temporary(directory.borrow(), temporary));
    auto written = write_like(file.borrow(), likeness, text);
    if (written) {
        written = sys::rename_at(directory.borrow(), temporary, name);
    }
    if (!written) {
        static_cast<void>(sys::unlink_at(directory.borrow(), temporary));
    }
    return written;
}

} // namespace

Result<void> replace_config(const std::string& path, std::string_view text) {
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    return in_context(path, replace(directory, path.substr(slash + 1), text)); // npos + 1 is 0
}

} // namespace bulkhead::shim
