// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/emptying.h"

#include "runtime/sys/call.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <linux/fs.h>
#include <optional>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {

constexpr unsigned no_replace = 1; // RENAME_NOREPLACE: its headers do not go together with fcntl.h's

// Takes the flags of chattr(1) off. What cannot have any, or is gone, stays as it is.
void unprotect(BorrowedFd file) {
    constexpr int none = 0;
    static_cast<void>(call(SYS_ioctl, file.number(), FS_IOC_SETFLAGS, &none));
}

class Emptying {
public:
    Emptying(BorrowedFd top, std::chrono::milliseconds most)
        : top_(top), deadline_(std::chrono::steady_clock::now() + most) {}

    // Until a whole round over the top removes nothing: what is moved up comes into the next one.
    Result<void> run() {
        TRY_ASSIGN(const auto status, status_of(top_));
        device_ = status.device;
        unprotect(top_);
        bool some = true;
        while (some) {
            TRY_ASSIGN(some, round());
        }
        return first_error_ ? std::unexpected(*std::move(first_error_)) : Result<void>{};
    }

private:
    [[nodiscard]] bool late() const { return std::chrono::steady_clock::now() >= deadline_; }

    Result<bool> round() {
        first_error_.reset();
        TRY_ASSIGN(auto opened, open_at(top_, ".", O_RDONLY | O_DIRECTORY));
        Listing listing(std::move(opened));
        bool some = false;
        for (;;) {
            TRY_ASSIGN(const auto name, listing.next());
            if (!name) {
                return some;
            }
            if (late()) {
                return fail(Code::busy, "there is too much in it, or somebody writes still");
            }
            some = remove(*name) || some;
        }
    }

    // Whether the entry of the top is gone.
    bool remove(const std::string& name) {
        const auto status = status_at(top_, name);
        if (!status) {
            return false; // gone meanwhile
        }
        if (status->device != device_) {
            return false; // something is mounted on it
        }
        if (!S_ISDIR(status->mode)) {
            return unlink(top_, name, 0);
        }
        if (const auto directory = open_at(top_, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)) {
            unprotect(directory->borrow());
            clear(directory->borrow());
        }
        return unlink(top_, name, AT_REMOVEDIR);
    }

    // Removes what is in `directory`, but for its directories, which are moved to the top.
    void clear(BorrowedFd directory) {
        auto opened = open_at(directory, ".", O_RDONLY | O_DIRECTORY);
        if (!opened) {
            return;
        }
        Listing listing(*std::move(opened));
        for (auto name = listing.next(); name && *name && !late(); name = listing.next()) {
            const auto status = status_at(directory, **name);
            if (!status || status->device != device_) {
                continue;
            }
            S_ISDIR(status->mode) ? move_up(directory, **name) : static_cast<void>(unlink(directory, **name, 0));
        }
    }

    // One that may not be moved (protected itself, or mounted on in this namespace) is unprotected and tried again.
    void move_up(BorrowedFd directory, const std::string& name) {
        if (!renamed_to_top(directory, name)) {
            if (const auto file = open_at(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)) {
                unprotect(file->borrow());
                static_cast<void>(renamed_to_top(directory, name));
            }
        }
    }

    // Whoever filled it may have given out such names as well; the number only goes up.
    bool renamed_to_top(BorrowedFd directory, const std::string& name) {
        long result = 0;
        do {
            const auto target = ".emptied-" + std::to_string(++moved_);
            result = call(SYS_renameat2, directory.number(), name.c_str(), top_.number(), target.c_str(), no_replace);
        } while (result < 0 && errno == EEXIST);
        return result == 0;
    }

    bool unlink(BorrowedFd directory, const std::string& name, int flags) {
        if (call(SYS_unlinkat, directory.number(), name.c_str(), flags) == 0) {
            return true;
        }
        if (errno == EPERM) {
            if (const auto file = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)) {
                unprotect(file->borrow());
            }
            if (call(SYS_unlinkat, directory.number(), name.c_str(), flags) == 0) {
                return true;
            }
        }
        if (!first_error_) {
            first_error_ = fail_errno(errno, "remove " + name).error();
        }
        return false;
    }

    BorrowedFd top_;
    std::chrono::steady_clock::time_point deadline_;
    dev_t device_ = 0;
    std::uint64_t moved_ = 0;
    std::optional<Error> first_error_;
};

} // namespace

Result<void> empty_directory(BorrowedFd top, std::chrono::milliseconds most) { return Emptying(top, most).run(); }

} // namespace bulkhead::sys
