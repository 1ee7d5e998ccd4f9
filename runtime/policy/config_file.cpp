// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_file.h"

#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::policy {

namespace {

constexpr std::size_t longest_config = 1UL << 20U;

bool is_missing(const Error& error) { return error.number == ENOENT || error.number == ENOTDIR; }

std::unexpected<Error> bad(std::string what) { return fail(Code::bad_config, std::move(what)); }

Result<void> require_roots_alone(BorrowedFd file, const std::string& path) {
    constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;
    TRY_ASSIGN(const auto status, sys::status_of(file));
    if (status.owner != 0 || (status.mode & writable_by_others) != 0) {
        return bad(path + " is not root's alone to write; chown root and chmod go-w it");
    }
    return {};
}

// Of the path that the open file has now: what was a symlink is resolved in it.
Result<void> require_roots_directories(BorrowedFd file) {
    TRY_ASSIGN(auto path, sys::path_of(file));
    while (path.size() > 1) {
        path.erase(path.rfind('/'));
        if (path.empty()) {
            path = "/";
        }
        TRY_ASSIGN(const auto directory, sys::open_at(sys::working_directory, path, O_PATH | O_DIRECTORY));
        TRY(require_roots_alone(directory.borrow(), path));
    }
    return {};
}

Result<std::string> read_checked(BorrowedFd file, const std::string& path) {
    TRY_ASSIGN(const auto status, sys::status_of(file));
    if (!S_ISREG(status.mode)) {
        return bad(path + " is not a regular file");
    }
    TRY(require_roots_alone(file, path));
    TRY(require_roots_directories(file));
    return in_context(path, sys::read_all(file, longest_config));
}

Result<void> require_no_drop_ins(const std::string& path) {
    const auto directory = sys::open_at(sys::working_directory, path + ".d", O_RDONLY | O_DIRECTORY);
    if (!directory) {
        return is_missing(directory.error()) ? Result<void>{} : std::unexpected(directory.error());
    }
    TRY_ASSIGN(const auto names, sys::list_directory(directory->borrow()));
    if (std::ranges::any_of(names, [](const std::string& name) { return name.ends_with(".json"); })) {
        return bad(path + ".d: this version of bulkhead reads no drop-ins; put all into " + path);
    }
    return {};
}

Result<Config> read(const std::string& path) {
    TRY(require_no_drop_ins(path));
    const auto file = sys::open_at(sys::working_directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) {
        return is_missing(file.error()) ? Result<Config>(Config{}) : std::unexpected(file.error());
    }
    TRY_ASSIGN(const auto text, read_checked(file->borrow(), path));
    return in_context(path, parse_config(text));
}

} // namespace

Result<Config> read_config(const std::string& path) {
    auto config = read(path);
    if (!config) {
        config.error().code = Code::bad_config;
    }
    return config;
}

} // namespace bulkhead::policy
