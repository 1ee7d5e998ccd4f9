// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/process_owner.h"

#include "runtime/sys/file.h"

#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::sys {

Result<bool> is_roots(const ProcessIdentity& process) {
    constexpr std::size_t longest_status = 65536;
    const auto directory = "/proc/" + std::to_string(process.pid);
    TRY_ASSIGN(const auto file, open_at(working_directory, directory + "/status", O_RDONLY | O_NOFOLLOW));
    TRY_ASSIGN(const auto status, read_all(file.borrow(), longest_status));
    TRY_ASSIGN(const auto readers, status_behind(working_directory, "/proc/self/ns/user"));
    TRY_ASSIGN(const auto its, status_behind(working_directory, directory + "/ns/user"));
    TRY_ASSIGN(const auto program, status_behind(working_directory, directory + "/exe"));
    // Only now is it sure that all this was of the same process.
    TRY_ASSIGN(const bool runs, is_running(process));
    if (!runs) {
        return fail_errno(ESRCH, directory);
    }
    // Real, effective, saved, and of the file system.
    const bool has_roots_ids = status.find("\nUid:\t0\t0\t0\t0\n") != std::string::npos;
    return has_roots_ids && its.inode == readers.inode && (program.mode & S_ISUID) == 0;
}

} // namespace bulkhead::sys
