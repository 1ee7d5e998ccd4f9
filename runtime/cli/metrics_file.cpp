// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/metrics_file.h"

#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/random.h"

#include <cerrno>
#include <fmt/format.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

// node_exporter takes no notice of such names. Nobody can be in the way of one that he does not foresee.
constexpr std::string_view prefix = ".bulkhead-";
constexpr std::string_view suffix = ".tmp";

Result<std::string> new_temporary_name() {
    TRY_ASSIGN(const auto number, sys::random_below(std::numeric_limits<std::uint32_t>::max()));
    return fmt::format("{}{:08x}{}", prefix, number, suffix);
}

// Written by us, as far as that can be told: what else has such a name is not ours to open or to remove.
bool is_temporary_of_ours(BorrowedFd directory, const std::string& name) {
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) {
        return false;
    }
    const auto status = sys::status_at(directory, name);
    return status && S_ISREG(status->mode) && status->owner == ::geteuid() && status->links == 1;
}

Result<void> write(BorrowedFd file, std::string_view text) {
    constexpr mode_t mode = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH; // node_exporter is not root
    TRY(sys::lock_exclusively(file, 0));                           // so that no other run takes it for abandoned
    TRY(sys::write_all(file, text));
    return sys::set_owner_and_mode(file, ::geteuid(), ::getegid(), mode);
}

} // namespace

Result<MetricsFile> MetricsFile::open(const std::string& path) {
    MetricsFile file;
    const auto begin = path.rfind('/') + 1; // npos + 1 is 0
    file.name_ = path.substr(begin);
    if (file.name_.empty() || file.name_ == "." || file.name_ == "..") {
        return fail(Code::malformed_input, "is no file's name");
    }
    const auto directory = begin == 0 ? "." : path.substr(0, begin);
    TRY_ASSIGN(file.directory_, sys::open_at(sys::working_directory, directory, O_RDONLY | O_DIRECTORY));
    TRY(file.check());
    return file;
}

// The rename would leave a regular file where a device or a pipe was, for everybody who uses that. In /dev, where
// symlinks are used as devices, nothing at all is replaced.
Result<void> MetricsFile::check() const {
    TRY_ASSIGN(const auto directory, sys::status_of(directory_.borrow()));
    const auto devices = sys::status_behind(sys::working_directory, "/dev");
    if (devices && devices->device == directory.device && devices->inode == directory.inode) {
        return fail(Code::malformed_input, "is in /dev, where nothing is replaced");
    }
    const auto there = sys::status_at(directory_.borrow(), name_);
    if (!there) {
        return there.error().number == ENOENT ? Result<void>{} : std::unexpected(there.error());
    }
    return S_ISREG(there->mode) || S_ISLNK(there->mode)
               ? Result<void>{}
               : fail(Code::malformed_input, "is neither a regular file nor a symlink, and is not replaced");
}

Result<void> MetricsFile::replace(std::string_view text) const {
    remove_abandoned();
    // Another run that looks between our making a file and our locking it holds it for abandoned.
    for (int tries_left = 3;;) {
        auto replaced = replace_once(text);
        const bool taken = !replaced && (replaced.error().number == ENOENT || replaced.error().code == Code::busy);
        if (!taken || --tries_left == 0) {
            return replaced;
        }
    }
}

Result<void> MetricsFile::replace_once(std::string_view text) const {
    const auto directory = directory_.borrow();
    TRY_ASSIGN(const auto temporary, new_temporary_name());
    TRY_ASSIGN(const auto file, sys::open_at(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, S_IRUSR));
    return sys::rename_or_unlink_at(directory, temporary, name_, write(file.borrow(), text));
}

void MetricsFile::remove_abandoned() const {
    constexpr int most_looked_at = 1000; // others may have put any number there
    auto opened = sys::open_at(directory_.borrow(), ".", O_RDONLY | O_DIRECTORY);
    if (!opened) {
        return;
    }
    sys::Listing listing(*std::move(opened));
    for (int looked_at = 0; looked_at < most_looked_at; ++looked_at) {
        const auto name = listing.next();
        if (!name || !*name) {
            return;
        }
        if (is_temporary_of_ours(directory_.borrow(), **name)) {
            static_cast<void>(sys::remove_abandoned_at(directory_.borrow(), **name));
        }
    }
}

} // namespace bulkhead::cli
