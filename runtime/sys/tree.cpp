// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/tree.h"

#include "runtime/sys/call.h"
#include "runtime/sys/listing.h"

#include <cstddef>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

namespace bulkhead::sys {

namespace {

constexpr std::size_t deepest = 500;

bool is_gone(const Error& error) { return error.number == ENOENT; }

std::unexpected<Error> too_large(std::string what) {
    auto failure = fail(Code::system, std::move(what));
    failure.error().number = tree_too_large;
    return failure;
}

class Walk {
public:
    Walk(std::uint64_t most, const std::function<Result<void>(const TreeEntry&)>& visit) : most_(most), visit_(visit) {}

    Result<void> run(UniqueFd top) {
        TRY_ASSIGN(const auto status, status_of(top.borrow()));
        device_ = status.device;
        levels_.emplace_back(std::move(top));
        while (!levels_.empty()) {
            TRY_ASSIGN(const auto name, levels_.back().next());
            if (!name) {
                levels_.pop_back();
                continue;
            }
            TRY(take(*name));
        }
        return {};
    }

private:
    Result<void> take(const std::string& name) {
        if (++seen_ > most_) {
            return too_large("holds more than " + std::to_string(most_) + " entries");
        }
        const auto directory = levels_.back().directory();
        const auto status = status_at(directory, name);
        if (!status) {
            return is_gone(status.error()) ? Result<void>{} : std::unexpected(status.error());
        }
        if (status->device != device_) {
            return {}; // mounted over
        }
        if (!S_ISDIR(status->mode) && !S_ISREG(status->mode)) {
            return visit_({.directory = directory, .name = name, .status = *status, .file = std::nullopt});
        }
        return open_and_visit(directory, name, *status);
    }

    Result<void> open_and_visit(BorrowedFd directory, const std::string& name, const FileStatus& status) {
        const int type = S_ISDIR(status.mode) ? O_DIRECTORY : 0;
        auto file = open_at(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_NOATIME | type);
        if (!file) {
            return is_gone(file.error()) ? Result<void>{} : std::unexpected(file.error());
        }
        TRY(visit_({.directory = directory, .name = name, .status = status, .file = file->borrow()}));
        if (!S_ISDIR(status.mode)) {
            return {};
        }
        if (levels_.size() == deepest) {
            return too_large("holds directories more than " + std::to_string(deepest) + " deep");
        }
        levels_.emplace_back(*std::move(file));
        return {};
    }

    std::uint64_t most_;
    const std::function<Result<void>(const TreeEntry&)>& visit_;
    dev_t device_ = 0;
    std::uint64_t seen_ = 0;
    std::vector<Listing> levels_;
};

} // namespace

Result<UniqueFd> clone_without_submounts(BorrowedFd directory) {
    const long clone = call(SYS_open_tree, directory.number(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (clone < 0) {
        return fail_errno(errno, "open_tree");
    }
    const UniqueFd mount(static_cast<int>(clone));
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    if (call(SYS_mount_setattr, mount.borrow().number(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
        return fail_errno(errno, "mount_setattr");
    }
    // The mount lives as long as any file in it is open.
    return open_at(mount.borrow(), ".", O_RDONLY | O_DIRECTORY);
}

Result<void> walk_tree(BorrowedFd directory, std::uint64_t most,
                       const std::function<Result<void>(const TreeEntry&)>& visit) {
    TRY_ASSIGN(auto top, open_at(directory, ".", O_RDONLY | O_DIRECTORY));
    return Walk(most, visit).run(std::move(top));
}

} // namespace bulkhead::sys
