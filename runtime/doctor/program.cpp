// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/program.h"

#include "runtime/sys/file.h"

#include <algorithm>
#include <filesystem>
#include <sys/stat.h>

namespace bulkhead::doctor {

namespace {

Result<sys::FileStatus> status(const std::string& path) { return sys::status_behind(sys::working_directory, path); }

// The first of `path` and the directories above it that somebody else could write to.
std::optional<std::string> open_to_others(const std::string& path) {
    constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;
    for (std::string at = path;; at.erase(std::max<std::size_t>(at.rfind('/'), 1))) {
        const auto found = status(at);
        if (!found || found->owner != 0 || (found->mode & writable_by_others) != 0) {
            return at;
        }
        if (at.size() <= 1) {
            return std::nullopt;
        }
    }
}

Finding not_executable(const std::string& path, const sys::FileStatus& file) {
    constexpr mode_t executable = S_IXUSR | S_IXGRP | S_IXOTH;
    return (file.mode & executable) == 0 ? failed(path + " is not executable", "chmod 755 " + path)
                                         : failed(path + " lies on a file system that is mounted noexec",
                                                  "mount it without noexec, or install it elsewhere");
}

} // namespace

Finding judge_program(const std::string& path, const std::string& mend) {
    const auto file = status(path);
    if (!file) {
        const bool dangling = std::filesystem::is_symlink(path);
        return failed(path + (dangling ? " is a symlink to nothing" : " is not there"), mend);
    }
    if (!S_ISREG(file->mode)) {
        return failed(path + " is not a program", mend);
    }
    if (!sys::may_execute(path)) {
        return not_executable(path, *file);
    }
    std::error_code error;
    const auto real = std::filesystem::canonical(path, error).string();
    for (const auto& each : {path, error ? path : real}) {
        if (const auto open = open_to_others(each)) {
            return failed(*open + " is not root's alone to write, and " + path + " is run as root",
                          "chown root " + *open + " && chmod go-w " + *open);
        }
    }
    return well();
}

bool is_same_file(const std::string& path, const std::string& other) {
    const auto one = status(path);
    const auto two = status(other);
    return one && two && one->device == two->device && one->inode == two->inode;
}

bool exists(const std::string& path) { return status(path).has_value(); }

} // namespace bulkhead::doctor
