// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/bundle.h"

#include "runtime/sys/file.h"
#include "runtime/sys/replacement.h"

#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::shim {

namespace {

constexpr unsigned deadline_ms = 1000;

Result<sys::Likeness> likeness_of(BorrowedFd directory, const std::string& name) {
    constexpr std::string_view other_kind = "is not a regular file; the shim does not change such a config.json";
    const auto file = sys::open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (!file) {
        return file.error().number == ELOOP ? fail(Code::malformed_input, std::string(other_kind))
                                            : std::unexpected(file.error());
    }
    TRY_ASSIGN(auto likeness, sys::likeness_of(file->borrow()));
    return S_ISREG(likeness.status.mode) ? Result<sys::Likeness>(std::move(likeness))
                                         : fail(Code::malformed_input, std::string(other_kind));
}

Result<void> write_like(BorrowedFd file, const sys::Likeness& likeness, std::string_view text) {
    TRY(sys::write_all(file, text));
    return sys::make_like(file, likeness);
}

Result<void> replace(const std::string& directory_path, const std::string& name, std::string_view text) {
    TRY_ASSIGN(const auto directory, sys::open_at(sys::working_directory, directory_path, O_RDONLY | O_DIRECTORY));
    TRY(sys::lock_exclusively(directory.borrow(), deadline_ms));
    TRY_ASSIGN(const auto likeness, likeness_of(directory.borrow(), name));
    const auto temporary = sys::temporary_name(name);
    TRY_ASSIGN(const auto file, sys::make_temporary_at(directory.borrow(), temporary));
    return sys::rename_or_unlink_at(directory.borrow(), temporary, name, write_like(file.borrow(), likeness, text));
}

} // namespace

Result<void> replace_config(const std::string& path, std::string_view text) {
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    return in_context(path, replace(directory, path.substr(slash + 1), text)); // npos + 1 is 0
}

} // namespace bulkhead::shim
