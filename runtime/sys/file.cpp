// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/file.h"

#include "runtime/sys/call.h"
#include "runtime/sys/process.h"

#include <algorithm>
#include <array>
#include <climits>
#include <limits>
#include <linux/securebits.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bulkhead::sys {

Result<UniqueFd> open_at(BorrowedFd directory, const std::string& path, int flags, mode_t mode) {
    const long fd = call_restarting(SYS_openat, directory.number(), path.c_str(), flags | O_CLOEXEC, mode);
    if (fd < 0) {
        return fail_errno(errno, "open " + path);
    }
    return UniqueFd(static_cast<int>(fd));
}

namespace {
FileStatus from_kernel(const struct stat& status) {
    return FileStatus{.device = status.st_dev,
                      .inode = status.st_ino,
                      .mode = status.st_mode,
                      .owner = status.st_uid,
                      .group = status.st_gid,
                      .links = status.st_nlink,
                      .size = static_cast<std::size_t>(status.st_size)};
}
} // namespace

Result<FileStatus> status_of(BorrowedFd file) {
    struct stat status{};
    if (call(SYS_newfstatat, file.number(), "", &status, AT_EMPTY_PATH) < 0) {
        return fail_errno(errno, "fstat");
    }
    return from_kernel(status);
}

Result<FileStatus> status_at(BorrowedFd directory, const std::string& name) {
    struct stat status{};
    if (call(SYS_newfstatat, directory.number(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return fail_errno(errno, "stat " + name);
    }
    return from_kernel(status);
}

Result<FileStatus> status_behind(BorrowedFd directory, const std::string& name) {
    struct stat status{};
    if (call(SYS_newfstatat, directory.number(), name.c_str(), &status, 0) < 0) {
        return fail_errno(errno, "stat " + name);
    }
    return from_kernel(status);
}

namespace {
std::chrono::system_clock::time_point time_from_kernel(const timespec& time) {
    using std::chrono::system_clock;
    const auto since_epoch = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    return system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(since_epoch));
}
} // namespace

Result<FileTimes> times_of(const std::string& path) {
    struct stat status{};
    if (call(SYS_newfstatat, AT_FDCWD, path.c_str(), &status, 0) < 0) {
        return fail_errno(errno, "stat " + path);
    }
    return FileTimes{.modified = time_from_kernel(status.st_mtim), .changed = time_from_kernel(status.st_ctim)};
}

bool may_execute(const std::string& path) {
    return call(SYS_faccessat2, AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0;
}

Result<std::string> path_of(BorrowedFd file) {
    const auto link = "/proc/self/fd/" + std::to_string(file.number());
    std::string path(PATH_MAX, '\0');
    const long size = call(SYS_readlinkat, AT_FDCWD, link.c_str(), path.data(), path.size());
    if (size < 0) {
        return fail_errno(errno, "readlink " + link);
    }
    path.resize(static_cast<std::size_t>(size));
    return path;
}

Result<std::size_t> read_some(BorrowedFd file, char* buffer, std::size_t size) {
    const long count = call_restarting(SYS_read, file.number(), buffer, size);
    if (count < 0) {
        return fail_errno(errno, "read");
    }
    return static_cast<std::size_t>(count);
}

Result<std::string> read_all(BorrowedFd file, std::size_t most, std::size_t expected) {
    constexpr std::size_t least_room = 4096; // most kernel files fit
    const auto first_room = std::max(least_room, std::min(expected, most) + 1);
    std::string text;
    std::size_t filled = 0;
    for (;;) {
        if (filled == text.size()) {
            text.resize(std::max(first_room, 2 * filled));
        }
        TRY_ASSIGN(const auto count, read_some(file, text.data() + filled, text.size() - filled));
        filled += count;
        if (filled > most) {
            return fail(Code::malformed_input, "is larger than " + std::to_string(most) + " bytes");
        }
        if (count == 0) {
            text.resize(filled);
            return text;
        }
    }
}

Result<void> write_all(BorrowedFd file, std::string_view text) {
    while (!text.empty()) {
        const long count = call_restarting(SYS_write, file.number(), text.data(), text.size());
        if (count < 0) {
            return fail_errno(errno, "write");
        }
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

Result<std::size_t> read_at(BorrowedFd file, void* buffer, std::size_t size, off_t offset) {
    const long count = call_restarting(SYS_pread64, file.number(), buffer, size, offset);
    if (count < 0) {
        return fail_errno(errno, "pread");
    }
    return static_cast<std::size_t>(count);
}

Result<void> write_at(BorrowedFd file, const void* buffer, std::size_t size, off_t offset) {
    const long count = call_restarting(SYS_pwrite64, file.number(), buffer, size, offset);
    if (count < 0 || static_cast<std::size_t>(count) < size) {
        return fail_errno(count < 0 ? errno : ENOSPC, "pwrite");
    }
    return {};
}

Result<UniqueFd> memory_file(std::string_view text) {
    const long fd = call(SYS_memfd_create, "bulkhead", MFD_CLOEXEC);
    if (fd < 0) {
        return fail_errno(errno, "make a file in memory");
    }
    UniqueFd file(static_cast<int>(fd));
    TRY(write_all(file.borrow(), text));
    if (call(SYS_lseek, file.borrow().number(), 0, SEEK_SET) < 0) {
        return fail_errno(errno, "rewind a file in memory");
    }
    return file;
}

Result<void> make_standard_input(BorrowedFd file) {
    if (call(SYS_dup3, file.number(), STDIN_FILENO, 0) < 0) {
        return fail_errno(errno, "replace standard input");
    }
    return {};
}

void write_to_stderr(std::string_view text) {
    const BorrowedFd out(STDERR_FILENO);
    const long flags = call(SYS_fcntl, out.number(), F_GETFL);
    if (flags >= 0 && (static_cast<unsigned long>(flags) & O_APPEND) == 0) {
        static_cast<void>(write_all(out, text));
    }
}

Result<void> make_directory_at(BorrowedFd directory, const std::string& name, mode_t mode) {
    if (call(SYS_mkdirat, directory.number(), name.c_str(), mode) < 0) {
        return fail_errno(errno, "mkdir " + name);
    }
    return {};
}

Result<void> make_directory_as(uid_t user, gid_t group, BorrowedFd directory, const std::string& name, mode_t mode) {
    // Neither call reports failure, and root's cannot fail; the user goes last and comes back first, as it takes the
    // capabilities over files along.
    const auto old_group = call(SYS_setfsgid, group);
    const auto old_user = call(SYS_setfsuid, user);
    auto made = make_directory_at(directory, name, mode);
    static_cast<void>(call(SYS_setfsuid, old_user));
    static_cast<void>(call(SYS_setfsgid, old_group));
    return made;
}

Result<void> make_directory_as_owner(uid_t user, gid_t group, BorrowedFd directory, const std::string& name,
                                     mode_t mode) {
    auto made = make_directory_as(user, group, directory, name, mode);
    if (made || made.error().number != EACCES) {
        return made;
    }
    TRY_ASSIGN(const auto status, status_of(directory));
    const auto bits = call(SYS_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0);
    if (status.owner != user || bits < 0 ||
        call(SYS_prctl, PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP, 0, 0, 0) < 0) {
        return made;
    }
    made = make_directory_as(user, group, directory, name, mode); // with the capabilities
    static_cast<void>(call(SYS_prctl, PR_SET_SECUREBITS, bits, 0, 0, 0));
    return made;
}

Result<void> set_owner_and_mode(BorrowedFd file, uid_t user, gid_t group, mode_t mode) {
    if (call(SYS_fchown, file.number(), user, group) < 0) {
        return fail_errno(errno, "fchown");
    }
    return call(SYS_fchmod, file.number(), mode) < 0 ? fail_errno(errno, "fchmod") : Result<void>{};
}

Result<void> remove_directory_at(BorrowedFd directory, const std::string& name) {
    if (call(SYS_unlinkat, directory.number(), name.c_str(), AT_REMOVEDIR) < 0) {
        return fail_errno(errno, "rmdir " + name);
    }
    return {};
}

Result<void> unlink_at(BorrowedFd directory, const std::string& name) {
    if (call(SYS_unlinkat, directory.number(), name.c_str(), 0) < 0) {
        return fail_errno(errno, "unlink " + name);
    }
    return {};
}

Result<void> rename_at(BorrowedFd directory, const std::string& from, const std::string& to) {
    if (call(SYS_renameat2, directory.number(), from.c_str(), directory.number(), to.c_str(), 0) < 0) {
        return fail_errno(errno, "rename to " + to);
    }
    return {};
}

Result<void> rename_or_unlink_at(BorrowedFd directory, const std::string& temporary, const std::string& name,
                                 Result<void> written) {
    auto done = written ? rename_at(directory, temporary, name) : std::move(written);
    if (!done) {
        static_cast<void>(unlink_at(directory, temporary));
    }
    return done;
}

Result<void> make_symlink_at(BorrowedFd directory, const std::string& name, const std::string& target) {
    if (call(SYS_symlinkat, target.c_str(), directory.number(), name.c_str()) < 0) {
        return fail_errno(errno, "symlink " + name);
    }
    return {};
}

namespace {
constexpr std::string_view temporary_prefix = ".";
constexpr std::string_view temporary_suffix = ".tmp";
} // namespace

std::string temporary_name(const std::string& name) {
    return std::string(temporary_prefix).append(name).append(temporary_suffix);
}

std::string name_of_temporary(std::string_view temporary) {
    if (!temporary.starts_with(temporary_prefix) || !temporary.ends_with(temporary_suffix)) {
        return {};
    }
    temporary.remove_prefix(temporary_prefix.size());
    return std::string(temporary.substr(0, temporary.size() - std::min(temporary.size(), temporary_suffix.size())));
}

namespace {
enum class Synced : bool { no, yes };

Result<bool> is_named(BorrowedFd file, BorrowedFd directory, const std::string& name) {
    TRY_ASSIGN(const auto status, status_of(file));
    const auto there = status_at(directory, name);
    if (!there) {
        return there.error().number == ENOENT ? Result<bool>(false) : std::unexpected(there.error());
    }
    return there->inode == status.inode && there->device == status.device;
}

Result<void> truncate(BorrowedFd file) {
    if (call(SYS_ftruncate, file.number(), 0) < 0) {
        return fail_errno(errno, "ftruncate");
    }
    return {};
}

// What has the name already was left by a killed process, or put there: it goes, and is not opened (a FIFO would wait,
// a hard link is another file, too).
Result<UniqueFd> make_temporary(BorrowedFd directory, const std::string& name, mode_t mode) {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL;
    auto file = open_at(directory, name, flags, mode);
    if (!file && file.error().number == EEXIST) {
        TRY(unlink_at(directory, name));
        file = open_at(directory, name, flags, mode);
    }
    return file;
}

Result<UniqueFd> open_temporary(BorrowedFd directory, const std::string& name, Synced synced) {
    constexpr unsigned deadline_ms = 1000;
    constexpr mode_t mode = S_IRUSR | S_IWUSR;
    if (synced == Synced::no) {
        return make_temporary(directory, name, mode);
    }
    for (;;) {
        TRY_ASSIGN(auto file, open_at(directory, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode));
        TRY(lock_exclusively(file.borrow(), deadline_ms));
        TRY_ASSIGN(const auto still_there, is_named(file.borrow(), directory, name));
        if (still_there) {
            TRY(truncate(file.borrow()));
            return file;
        }
        // Taken for abandoned, or renamed by its writer, before it was locked.
    }
}

Result<void> replace_file(BorrowedFd directory, const std::string& name, std::string_view text, Synced synced) {
    const auto temporary = temporary_name(name);
    TRY_ASSIGN(const auto file, open_temporary(directory, temporary, synced)); // else it may be another's
    auto written = write_all(file.borrow(), text);
    if (written && synced == Synced::yes) {
        written = sync(file.borrow());
    }
    TRY(rename_or_unlink_at(directory, temporary, name, std::move(written)));
    return synced == Synced::yes ? sync(directory) : Result<void>{};
}
} // namespace

Result<void> replace_file_at(BorrowedFd directory, const std::string& name, std::string_view text) {
    return replace_file(directory, name, text, Synced::no);
}

Result<void> replace_file_synced_at(BorrowedFd directory, const std::string& name, std::string_view text) {
    return replace_file(directory, name, text, Synced::yes);
}

Result<std::optional<UniqueFd>> lock_named_at(BorrowedFd directory, const std::string& name, unsigned deadline_ms) {
    for (;;) {
        auto file = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        if (!file) {
            return file.error().number == ENOENT ? Result<std::optional<UniqueFd>>(std::nullopt)
                                                 : std::unexpected(file.error());
        }
        TRY(lock_exclusively(file->borrow(), deadline_ms));
        TRY_ASSIGN(const auto still_there, is_named(file->borrow(), directory, name));
        if (still_there) {
            return *std::move(file);
        }
        // Removed or replaced before it was locked.
    }
}

Result<bool> remove_abandoned_at(BorrowedFd directory, const std::string& temporary) {
    const auto file = lock_named_at(directory, temporary, 0);
    if (!file) {
        return file.error().code == Code::busy ? Result<bool>(false) : std::unexpected(file.error());
    }
    if (*file) {
        TRY(unlink_at(directory, temporary));
    }
    return file->has_value();
}

Result<void> sync(BorrowedFd file) {
    if (call_restarting(SYS_fsync, file.number()) < 0) {
        return fail_errno(errno, "fsync");
    }
    return {};
}

Result<void> sync_journal(BorrowedFd directory) {
    const std::array<timespec, 2> access_time{
        {{.tv_sec = 0, .tv_nsec = UTIME_NOW}, {.tv_sec = 0, .tv_nsec = UTIME_OMIT}}};
    if (call(SYS_utimensat, directory.number(), nullptr, access_time.data(), 0) < 0) {
        return fail_errno(errno, "utimensat");
    }
    return sync(directory);
}

namespace {
Result<void> lock(BorrowedFd file, int kind, unsigned deadline_ms) {
    constexpr unsigned step_ms = 5;
    for (unsigned waited_ms = 0;; waited_ms += step_ms) {
        if (call_restarting(SYS_flock, file.number(), kind | LOCK_NB) == 0) {
            return {};
        }
        if (errno != EWOULDBLOCK) {
            return fail_errno(errno, "flock");
        }
        if (waited_ms >= deadline_ms) {
            return fail(Code::busy, "another bulkhead process holds it");
        }
        pause(std::chrono::milliseconds(step_ms));
    }
}
} // namespace

Result<void> lock_exclusively(BorrowedFd file, unsigned deadline_ms) { return lock(file, LOCK_EX, deadline_ms); }

Result<void> lock_shared(BorrowedFd file, unsigned deadline_ms) { return lock(file, LOCK_SH, deadline_ms); }

namespace {
Result<void> occupy_standard(int descriptor_flags) {
    for (int number = 0; number < 3; ++number) {
        if (call(SYS_fcntl, number, F_GETFD) < 0) {
            TRY_ASSIGN(auto null, open_at(working_directory, "/dev/null", O_RDWR));
            // The lowest free number is this one: those below it exist. Kept open for good.
            static_cast<void>(call(SYS_fcntl, null.release(), F_SETFD, descriptor_flags));
        }
    }
    return {};
}
} // namespace

Result<void> occupy_standard_descriptors() { return occupy_standard(FD_CLOEXEC); }

Result<void> keep_standard_descriptors_only() {
    TRY(occupy_standard(0));
    if (call(SYS_close_range, 3U, std::numeric_limits<unsigned>::max(), 0U) < 0) {
        return fail_errno(errno, "close_range");
    }
    return {};
}

} // namespace bulkhead::sys
