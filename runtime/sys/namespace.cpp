// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/namespace.h"

#include "runtime/base/line.h"
#include "runtime/sys/call.h"
#include "runtime/sys/file.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bulkhead::sys {

namespace {
// PROC_USER_INIT_INO (include/linux/proc_ns.h, Linux 3.8): the inode of the initial user namespace, on every machine.
constexpr ino_t initial_user_namespace = 0xEFFFFFFDU;

[[noreturn]] void end_process(const Error& error) {
    write_to_stderr(report_line("", error.what) + "\n");
    ::_exit(static_cast<int>(error.code));
}
} // namespace

Result<bool> is_real_root() {
    if (call(SYS_geteuid) != 0) {
        return false;
    }
    TRY_ASSIGN(const auto ns, open_at(working_directory, "/proc/self/ns/user", O_RDONLY));
    TRY_ASSIGN(const auto status, status_of(ns.borrow()));
    return is_initial_user_namespace(status);
}

bool is_initial_user_namespace(const FileStatus& ns) { return ns.inode == initial_user_namespace; }

namespace {
// nullopt where this process is in it already.
Result<std::optional<UniqueFd>> other_namespace_of_init() {
    TRY_ASSIGN(const auto ours, status_behind(working_directory, "/proc/self/ns/mnt"));
    const auto inits = status_behind(working_directory, "/proc/1/ns/mnt");
    if (!inits) { // not even root may look: this is the inside of a container, whose PID 1 is another's
        return inits.error().number == EACCES ? Result<std::optional<UniqueFd>>(std::nullopt)
                                              : std::unexpected(inits.error());
    }
    if (ours.inode == inits->inode) {
        return std::nullopt;
    }
    TRY_ASSIGN(auto opened, open_at(working_directory, "/proc/1/ns/mnt", O_RDONLY));
    return opened;
}
} // namespace

Result<void> enter_mount_namespace_of_init() {
    TRY_ASSIGN(const auto inits, other_namespace_of_init());
    if (inits && call(SYS_setns, inits->borrow().number(), CLONE_NEWNS) < 0) {
        return fail_errno(errno, "setns to the mount namespace of PID 1");
    }
    return {};
}

Result<std::optional<MountNamespaceVisit>> MountNamespaceVisit::enter_init() {
    TRY_ASSIGN(const auto inits, other_namespace_of_init());
    if (!inits) {
        return std::nullopt;
    }
    TRY_ASSIGN(auto visit, enter(inits->borrow(), "setns to the mount namespace of PID 1"));
    return visit;
}

Result<MountNamespaceVisit> MountNamespaceVisit::enter(BorrowedFd ns) {
    return enter(ns, "setns to the container's mount namespace");
}

Result<MountNamespaceVisit> MountNamespaceVisit::enter(BorrowedFd ns, std::string_view what) {
    TRY_ASSIGN(auto home, open_at(working_directory, "/proc/self/ns/mnt", O_RDONLY));
    TRY_ASSIGN(auto root, open_at(working_directory, "/", O_PATH | O_DIRECTORY));
    if (call(SYS_setns, ns.number(), CLONE_NEWNS) < 0) {
        return fail_errno(errno, what);
    }
    MountNamespaceVisit visit;
    visit.home_ = std::move(home);
    visit.root_ = std::move(root);
    return visit;
}

MountNamespaceVisit::~MountNamespaceVisit() {
    if (!home_.valid() || !root_.valid()) {
        return; // never entered, or moved from
    }
    if (call(SYS_setns, home_.borrow().number(), CLONE_NEWNS) < 0) {
        end_process(fail_errno(errno, "setns back to our mount namespace").error());
    }
    if (call(SYS_fchdir, root_.borrow().number()) < 0 || call(SYS_chroot, ".") < 0) {
        end_process(fail_errno(errno, "return to our root directory").error());
    }
}

} // namespace bulkhead::sys
