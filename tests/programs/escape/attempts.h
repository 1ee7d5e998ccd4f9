// SPDX-License-Identifier: Apache-2.0
// What came of the ways out that were tried: one line each.
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace escape {

class File {
public:
    explicit File(int number) : number_(number) {}
    File(const std::string& path, int flags) : number_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
    File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    File(const File&) = delete;
    ~File() {
        if (number_ >= 0) {
            ::close(number_);
        }
    }
    [[nodiscard]] int number() const { return number_; }

private:
    int number_;
};

struct Label {
    std::uint32_t id = 0;
    bool inherit = false;
    bool operator==(const Label&) const = default;
};

inline Label label_of(const File& file) {
    fsxattr attributes{};
    const bool read = ::ioctl(file.number(), FS_IOC_FSGETXATTR, &attributes) == 0;
    return read ? Label{attributes.fsx_projid, (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0} : Label{};
}

// What a call of libc's returned, as those in kernel_entry.h do.
inline long result_of(long returned) { return returned < 0 ? -errno : returned; }

class Attempts {
public:
    explicit Attempts(std::string who) : who_(std::move(who)) {}

    // `result`: 0 or more, or the errno, negative.
    void note(const std::string& way, long result) {
        const auto error = static_cast<int>(-result);
        const char* const name = result >= 0 ? "DONE" : ::strerrorname_np(error);
        std::printf("%s: %s: %s\n", who_.c_str(), way.c_str(), name == nullptr ? "?" : name);
        done_ = done_ || result >= 0;
    }
    void note(const std::string& way, bool done, int error) { note(way, done ? 0L : -long{error}); }
    [[nodiscard]] bool done() const { return done_; }

private:
    std::string who_;
    bool done_ = false;
};

// ioctl and file_setattr by every entry, on everything that a program can have open.
void try_labels(Attempts& attempts, const std::string& directory, int opened_before);
// The same, but only in a directory of one's own: for one who is another than before.
void try_own_label(Attempts& attempts, const std::string& directory);
// What is made in the directory, copied up, moved or linked in.
void try_files(Attempts& attempts, const std::string& directory);
// The limit, and the disk below.
void try_disk(Attempts& attempts, const std::string& directory);
// Without a system call of one's own: io_uring, ptrace, and filters on top of the guard.
void try_detours(Attempts& attempts, const std::string& directory);
// Whether so many bytes fit.
void try_to_fill(Attempts& attempts, const std::string& directory, std::uint64_t bytes);

} // namespace escape
