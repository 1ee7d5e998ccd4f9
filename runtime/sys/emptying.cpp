// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/emptying.h"

#include "runtime/sys/call.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/path.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <linux/fs.h>
#include <optional>
#include <string>
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
            some = gone(remove(*name), *name) || some;
        }
    }

    // What cannot be removed: what is mounted on (EBUSY), and what holds that (ENOTEMPTY).
    bool gone(int why, const std::string& name) {
        if (why != 0 && why != ENOENT && !first_error_) {
            first_error_ = fail_errno(why, "remove " + name).error();
        }
        return why == 0;
    }

    // An entry of the top.
    int remove(const std::string& name) {
        const auto why = unlink(top_, name, 0);
        if (why != EISDIR) {
            return why;
        }
        const auto full = unlink(top_, name, AT_REMOVEDIR);
        if (full != ENOTEMPTY) {
            return full;
        }
        if (auto directory = open_directory_on_same_mount(top_, name, O_RDONLY)) {
            clear(*std::move(directory));
        }
        return unlink(top_, name, AT_REMOVEDIR);
    }

    // Removes what is in `directory`, but for its directories, which are moved to the top.
    void clear(UniqueFd directory) {
        Listing listing(std::move(directory));
        for (auto name = listing.next(); name && *name && !late(); name = listing.next()) {
            const auto why = unlink(listing.directory(), **name, 0);
            gone(why == EISDIR ? move_up(listing.directory(), **name) : why, **name);
        }
    }

    // 0, or why it did not go. EISDIR: without AT_REMOVEDIR, a directory.
    static int unlink(BorrowedFd directory, const std::string& name, int flags) {
        return unprotecting(directory, name,
                            [&] { return call(SYS_unlinkat, directory.number(), name.c_str(), flags); });
    }

    // Whoever filled it may have given out such names as well; the number only goes up.
    int move_up(BorrowedFd directory, const std::string& name) {
        const auto rename = [&] {
            const auto target = ".emptied-" + std::to_string(++moved_);
            return call(SYS_renameat2, directory.number(), name.c_str(), top_.number(), target.c_str(), no_replace);
        };
        for (;;) {
            const auto why = unprotecting(directory, name, rename);
            if (why != EEXIST) {
                return why;
            }
        }
    }

    // What is protected, or lies in a directory that is, is tried again without.
    template <typename Change>
    static int unprotecting(BorrowedFd directory, const std::string& name, Change change) {
        if (change() == 0) {
            return 0;
        }
        if (errno != EPERM) {
            return errno;
        }
        unprotect(directory);
        if (const auto file = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)) {
            unprotect(file->borrow());
        }
        return change() == 0 ? 0 : errno;
    }

    BorrowedFd top_;
    std::chrono::steady_clock::time_point deadline_;
    std::uint64_t moved_ = 0;
    std::optional<Error> first_error_;
};

} // namespace

Result<void> empty_directory(BorrowedFd top, std::chrono::milliseconds most) { return Emptying(top, most).run(); }

} // namespace bulkhead::sys
