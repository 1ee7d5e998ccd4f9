// SPDX-License-Identifier: Apache-2.0
// Plain files and directories, by descriptor and name. Everything is opened with O_CLOEXEC. Errors: Code::system with
// the errno, named after the operation and the path; the caller adds what it was for.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace bulkhead::sys {

inline constexpr BorrowedFd working_directory{AT_FDCWD};

struct FileStatus {
    dev_t device = 0;
    ino_t inode = 0;
    mode_t mode = 0;
    uid_t owner = 0;
    gid_t group = 0;
    nlink_t links = 0;
    std::size_t size = 0; // 0 of what the kernel makes up as it is read
};

// openat(2). `mode` only matters with O_CREAT.
[[nodiscard]] Result<UniqueFd> open_at(BorrowedFd directory, const std::string& path, int flags, mode_t mode = 0);

// fstat(2); works on O_PATH descriptors.
[[nodiscard]] Result<FileStatus> status_of(BorrowedFd file);
// The same of `name` in `directory`; a symlink is not followed.
[[nodiscard]] Result<FileStatus> status_at(BorrowedFd directory, const std::string& name);

// The same of what the path `name` from `directory` leads to, symlinks followed. For /proc/PID/ns/*: nothing is opened.
[[nodiscard]] Result<FileStatus> status_behind(BorrowedFd directory, const std::string& name);

// When the file at `path`, symlinks followed, was changed last. Whoever may write to it can say otherwise of
// `modified`, and nobody of `changed`, which is when it was put there, renamed or given another mode as well.
struct FileTimes {
    std::chrono::system_clock::time_point modified; // what is in it
    std::chrono::system_clock::time_point changed;  // anything of it
};
[[nodiscard]] Result<FileTimes> times_of(const std::string& path);

// Whether this process may run the file at `path`, symlinks followed: faccessat2(2) (Linux 5.8) with the effective ids.
// A mount with noexec says no.
[[nodiscard]] bool may_execute(const std::string& path);

// Where an open file lies now: readlink(2) of its /proc/self/fd entry. " (deleted)" is behind it where it is gone.
[[nodiscard]] Result<std::string> path_of(BorrowedFd file);

// Reads to the end of the file, from where it stands. More than `most` bytes: Code::malformed_input. Fewest calls where
// it has up to `expected`.
[[nodiscard]] Result<std::string> read_all(BorrowedFd file, std::size_t most, std::size_t expected = 0);

// One read(2) of at most `size` bytes, restarted on EINTR; 0 at the end of the file.
[[nodiscard]] Result<std::size_t> read_some(BorrowedFd file, char* buffer, std::size_t size);

[[nodiscard]] Result<void> write_all(BorrowedFd file, std::string_view text);

// pread(2) of at most `size` bytes from `offset`, and pwrite(2) of them: less is read at the end of the file, and less
// written is ENOSPC.
[[nodiscard]] Result<std::size_t> read_at(BorrowedFd file, void* buffer, std::size_t size, off_t offset);
[[nodiscard]] Result<void> write_at(BorrowedFd file, const void* buffer, std::size_t size, off_t offset);

// A file in memory with `text` in it, to be read from its beginning: memfd_create(2).
[[nodiscard]] Result<UniqueFd> memory_file(std::string_view text);
// Makes `file` standard input, for this process and for what it becomes: dup2(2).
[[nodiscard]] Result<void> make_standard_input(BorrowedFd file);

// `text` on stderr, but not into something opened for appending: crun opens any file of the host that the annotation
// run.oci.hooks.stderr names that way, and what we say quotes what a tenant wrote. Such a file could be a script.
void write_to_stderr(std::string_view text);

[[nodiscard]] Result<void> make_directory_at(BorrowedFd directory, const std::string& name, mode_t mode);
// The same as another user and group for the length of the call (setfsuid(2), setfsgid(2)).
[[nodiscard]] Result<void> make_directory_as(uid_t user, gid_t group, BorrowedFd directory, const std::string& name,
                                             mode_t mode);
// The same as root of a user namespace, whom a mode like 0555, which many images' root directory has, does not keep
// from writing to what is its own.
[[nodiscard]] Result<void> make_directory_as_owner(uid_t user, gid_t group, BorrowedFd directory,
                                                   const std::string& name, mode_t mode);
// fchown(2), then fchmod(2).
[[nodiscard]] Result<void> set_owner_and_mode(BorrowedFd file, uid_t user, gid_t group, mode_t mode);
[[nodiscard]] Result<void> remove_directory_at(BorrowedFd directory, const std::string& name);
[[nodiscard]] Result<void> unlink_at(BorrowedFd directory, const std::string& name);

// rename(2) within a directory: `to` is replaced.
[[nodiscard]] Result<void> rename_at(BorrowedFd directory, const std::string& from, const std::string& to);

// How a file that was written as `temporary` takes the place of `name`, where it was `written`; else, or where that
// fails, it is removed. Returns the first error.
[[nodiscard]] Result<void> rename_or_unlink_at(BorrowedFd directory, const std::string& temporary,
                                               const std::string& name, Result<void> written);

// symlinkat(2): EEXIST where `name` is there.
[[nodiscard]] Result<void> make_symlink_at(BorrowedFd directory, const std::string& name, const std::string& target);

// Puts `text` in place of `name` as a whole or not at all: a temporary file beside it, then rename(2). Not synced: the
// state directory lies on a tmpfs. Mode 0600. The caller holds a lock against others that write `name`. A process
// killed in between leaves temporary_name(name), which the next one removes.
[[nodiscard]] Result<void> replace_file_at(BorrowedFd directory, const std::string& name, std::string_view text);
// The same, on disk when it returns: file and directory (opened for reading) are synced. While it is written the
// temporary file is locked, so that one that a killed process left can be told, and removed.
[[nodiscard]] Result<void> replace_file_synced_at(BorrowedFd directory, const std::string& name, std::string_view text);

// Removes the temporary file `temporary` where nobody writes it. False: somebody does, or has finished it.
[[nodiscard]] Result<bool> remove_abandoned_at(BorrowedFd directory, const std::string& temporary);

// fsync(2).
// What was changed in the metadata of the directory's file system, quotas included, is on the disk when it returns: its
// access time is set and synced, and journals (XFS, ext4) have one order.
[[nodiscard]] Result<void> sync_journal(BorrowedFd directory);
[[nodiscard]] Result<void> sync(BorrowedFd file);

[[nodiscard]] std::string temporary_name(const std::string& name);
// The name that gives that; empty where none does.
[[nodiscard]] std::string name_of_temporary(std::string_view temporary);

// flock(2) LOCK_EX, tried until `deadline_ms` milliseconds are over, then Code::busy. Held while the descriptor lives.
[[nodiscard]] Result<void> lock_exclusively(BorrowedFd file, unsigned deadline_ms);
// The regular file that has the name, locked; nullopt where there is none. Whoever replaces or removes it by name while
// holding this hinders nobody: the next one looks again.
[[nodiscard]] Result<std::optional<UniqueFd>> lock_named_at(BorrowedFd directory, const std::string& name,
                                                            unsigned deadline_ms);
// The same with LOCK_SH. One kind of lock replaces the other, with a moment without any in between.
[[nodiscard]] Result<void> lock_shared(BorrowedFd file, unsigned deadline_ms);

// Makes descriptors 0, 1 and 2 exist, /dev/null where one is missing: no file that is opened later becomes one of them,
// to be written to as stderr. What this process becomes has them missing again.
[[nodiscard]] Result<void> occupy_standard_descriptors();
// The same for good, and closes every other one: what a caller leaked into us cannot be reached through us.
[[nodiscard]] Result<void> keep_standard_descriptors_only();

} // namespace bulkhead::sys
