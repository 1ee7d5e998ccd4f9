// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/config_file.h"

#include "runtime/sys/file.h"
#include "runtime/sys/path.h"
#include "runtime/sys/replacement.h"

#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::engines {

namespace {

// Where the file lies, behind symlinks.
struct Location {
    UniqueFd directory;
    std::string name;
    std::optional<sys::Likeness> likeness; // nullopt: it is not there
    bool drop_in = false;
};

std::string parent_of(const std::string& path) { return path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)); }

// Whoever can write there could put something else in our file's place, or in the way of it.
Result<UniqueFd> open_roots_directory(const std::string& path) {
    constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;
    TRY_ASSIGN(auto directory, sys::open_at(sys::working_directory, path, O_RDONLY | O_DIRECTORY));
    TRY_ASSIGN(const auto status, sys::status_of(directory.borrow()));
    return status.owner == 0 && (status.mode & writable_by_others) == 0
               ? Result<UniqueFd>(std::move(directory))
               : fail(Code::not_allowed, path + " is not root's alone to write; chown root and chmod go-w it");
}

Result<Location> locate(const std::string& path) {
    Location location;
    auto real = path;
    const auto file = sys::open_at(sys::working_directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (file) {
        TRY_ASSIGN(location.likeness, sys::likeness_of(file->borrow()));
        if (!S_ISREG(location.likeness->status.mode)) {
            return fail(Code::not_allowed, "is not a regular file");
        }
        TRY_ASSIGN(real, sys::path_of(file->borrow()));
    } else if (file.error().number != ENOENT) {
        return std::unexpected(file.error());
    } else if (sys::status_at(sys::working_directory, path)) {
        return fail(Code::not_allowed, "is a symlink to something that is not there");
    }
    location.name = real.substr(real.rfind('/') + 1);
    TRY_ASSIGN(location.directory, open_roots_directory(parent_of(real)));
    location.drop_in = parent_of(real).ends_with(".d");
    return location;
}

// CRI-O reads every file of a drop-in directory, whatever its name: there a file begins its life a level higher.
std::string temporary_of(const Location& location) {
    return (location.drop_in ? "../" : "") + sys::temporary_name(location.name);
}

Result<void> replace(const Location& location, const std::string& text) {
    constexpr mode_t new_mode = 0644;
    const auto directory = location.directory.borrow();
    const auto temporary = temporary_of(location);
    TRY_ASSIGN(const auto file, sys::make_temporary_at(directory, temporary));
    const auto write = [&]() -> Result<void> {
        TRY(sys::write_all(file.borrow(), text));
        TRY(location.likeness ? sys::make_like(file.borrow(), *location.likeness)
                              : sys::set_owner_and_mode(file.borrow(), 0, 0, new_mode));
        return sys::sync(file.borrow());
    };
    TRY(sys::rename_or_unlink_at(directory, temporary, location.name, write()));
    return sys::sync(directory);
}

bool is_there(const std::string& path) { return sys::status_behind(sys::working_directory, path).has_value(); }

// With those above it.
Result<void> make_directory(const std::string& path) {
    constexpr mode_t mode = 0755;
    if (path == "/" || is_there(path)) {
        return {};
    }
    TRY(make_directory(parent_of(path)));
    TRY(open_roots_directory(parent_of(path)));
    TRY(sys::make_directory_at(sys::working_directory, path, mode));
    TRY_ASSIGN(const auto made, open_roots_directory(path));
    return sys::set_owner_and_mode(made.borrow(), 0, 0, mode); // whatever the operator's umask is
}

} // namespace

Result<void> require_writable(const std::string& path) {
    if (lacks_directory(path)) {
        return {}; // it is made, by root
    }
    TRY(in_context(path, locate(path)));
    return {};
}

bool lacks_directory(const std::string& path) { return !is_there(parent_of(path)); }

Result<void> write_config(const std::string& path, const std::optional<std::string>& text) {
    TRY(make_directory(parent_of(path)));
    TRY_ASSIGN(const auto location, in_context(path, locate(path)));
    if (text) {
        return in_context(path, replace(location, *text));
    }
    // By its own name: of a symlink that goes, not what it leads to.
    TRY_ASSIGN(const auto directory, open_roots_directory(parent_of(path)));
    TRY(in_context(path, sys::unlink_at(directory.borrow(), path.substr(path.rfind('/') + 1))));
    return sys::sync(directory.borrow());
}

void remove_leftover_of(const std::string& path) {
    if (const auto location = locate(path)) {
        static_cast<void>(sys::unlink_at(location->directory.borrow(), temporary_of(*location)));
    }
}

void remove_empty_directory_of(const std::string& path) {
    static_cast<void>(sys::remove_directory_at(sys::working_directory, parent_of(path)));
}

} // namespace bulkhead::engines
