// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/sys/file.h"

#include <optional>
#include <string_view>

namespace bulkhead::sys {

// Whether this process is root in the initial user namespace: what every call of ours needs. A rootless engine's hook
// is "root" only in a namespace of its user's.
[[nodiscard]] Result<bool> is_real_root();

// Whether the /proc/PID/ns/user that `ns` is of is the initial user namespace.
[[nodiscard]] bool is_initial_user_namespace(const FileStatus& ns);

// For good, where this process is in another mount namespace than PID 1 (a unit with mounts of its own): what is
// mounted for containers is mounted there.
[[nodiscard]] Result<void> enter_mount_namespace_of_init();

// A stay in another mount namespace, as long as the object lives. Descriptors stay what they are; paths mean something
// else until it is over, so nothing must be opened by path meanwhile.
class MountNamespaceVisit {
public:
    // setns(2) into the namespace behind `ns`, an open /proc/PID/ns/mnt.
    [[nodiscard]] static Result<MountNamespaceVisit> enter(BorrowedFd ns);
    MountNamespaceVisit(MountNamespaceVisit&&) = default;
    MountNamespaceVisit& operator=(MountNamespaceVisit&&) = delete;
    MountNamespaceVisit(const MountNamespaceVisit&) = delete;
    MountNamespaceVisit& operator=(const MountNamespaceVisit&) = delete;
    // Back to where enter() was called, the root directory included (setns(2) would leave a chroot). Where that fails
    // every path of ours is the container's to choose: the process ends, as if it had been killed, with Code::system
    // and a line on stderr.
    ~MountNamespaceVisit();

    // Into PID 1's, where this process is in another one; nullopt where it is there already.
    [[nodiscard]] static Result<std::optional<MountNamespaceVisit>> enter_init();

private:
    MountNamespaceVisit() = default;
    [[nodiscard]] static Result<MountNamespaceVisit> enter(BorrowedFd ns, std::string_view what);

    UniqueFd home_;
    UniqueFd root_;
};

} // namespace bulkhead::sys
