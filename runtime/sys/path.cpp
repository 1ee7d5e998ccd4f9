// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/path.h"

#include "runtime/sys/call.h"
#include "runtime/sys/file.h"

#include <cstdint>
#include <linux/openat2.h>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {
Result<UniqueFd> open_resolving(BorrowedFd root, const std::string& path, std::uint64_t resolve,
                                int flags = O_PATH | O_DIRECTORY) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC);
    how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
    // EAGAIN: a rename or a mount raced with "..", the kernel could not tell whether it stayed inside. Bounded, since
    // whoever races can go on for ever.
    constexpr int tries = 64;
    for (int left = tries;; --left) {
        const long fd = call_restarting(SYS_openat2, root.number(), path.c_str(), &how, sizeof how);
        if (fd >= 0) {
            return UniqueFd(static_cast<int>(fd));
        }
        if (errno != EAGAIN || left == 0) {
            return fail_errno(errno, "open " + path);
        }
    }
}
} // namespace

Result<UniqueFd> open_directory_in(BorrowedFd root, const std::string& path, Symlinks symlinks) {
    return open_resolving(root, path, RESOLVE_IN_ROOT | (symlinks == Symlinks::refuse ? RESOLVE_NO_SYMLINKS : 0));
}

Result<UniqueFd> open_directory_on_same_mount(BorrowedFd directory, const std::string& name, int access) {
    return open_resolving(directory, name, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
                          access | O_DIRECTORY);
}

Result<UniqueFd> open_without_symlinks(const std::string& path, int flags) {
    return open_resolving(working_directory, path, RESOLVE_NO_SYMLINKS, flags);
}

} // namespace bulkhead::sys
