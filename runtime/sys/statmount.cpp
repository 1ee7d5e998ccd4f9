// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/statmount.h"

#include "runtime/sys/call.h"
#include "runtime/sys/mount.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <linux/stat.h>
#include <memory>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {

// include/uapi/linux/mount.h and nsfs.h; Debian 12's headers are older.
constexpr long number_of_statmount = 457;
constexpr unsigned statx_unique_mount_id = 0x4000;                       // STATX_MNT_ID_UNIQUE, Linux 6.8
constexpr unsigned long get_namespace_id = _IOR(0xb7, 5, std::uint64_t); // NS_GET_MNTNS_ID, Linux 6.11

constexpr std::uint64_t want_basics = 0x2;
constexpr std::uint64_t want_root = 0x8;
constexpr std::uint64_t want_point = 0x10;
constexpr std::uint64_t want_type = 0x20;
constexpr std::uint64_t want_options = 0x80;
constexpr std::uint64_t want_source = 0x200; // Linux 6.13
constexpr std::uint64_t always = want_basics | want_root | want_point | want_type;
// Options: as old as get_namespace_id. They and the source are left out where there are none, or the kernel has none.
constexpr std::uint64_t wanted = always | want_options | want_source;

struct Request { // struct mnt_id_req, MNT_ID_REQ_SIZE_VER1
    std::uint32_t size = 32;
    std::uint32_t spare = 0;
    std::uint64_t mount = 0;
    std::uint64_t mask = wanted;
    std::uint64_t mount_namespace = 0;
};

struct Answer { // struct statmount; offsets are into `text`
    std::uint32_t size;
    std::uint32_t options;
    std::uint64_t mask;
    std::array<std::uint32_t, 5> filesystem; // device, magic, flags
    std::uint32_t type;
    std::array<std::uint64_t, 2> ids;
    std::array<std::uint32_t, 2> old_ids;
    std::array<std::uint64_t, 4> propagation; // attributes, propagation, peer group, master
    std::uint64_t propagate_from;
    std::uint32_t root;
    std::uint32_t point;
    std::uint64_t mount_namespace;
    std::uint32_t subtype;
    std::uint32_t source;
    std::array<std::uint64_t, 48> reserved;
    std::array<char, 16384> text; // three paths and the options of an overlay with many layers
};
static_assert(offsetof(Answer, text) == 512);

std::optional<std::uint64_t> unique_mount_id(BorrowedFd file) {
    struct statx status{};
    if (call(SYS_statx, file.number(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, statx_unique_mount_id, &status) < 0 ||
        (status.stx_mask & statx_unique_mount_id) == 0) {
        return std::nullopt;
    }
    return status.stx_mnt_id;
}

// Not there at all, or not this much of it; EPERM where the filter of a unit is older than the call and allows what it
// knows (systemd 252 on a later kernel).
bool is_too_old(int number) {
    return number == ENOSYS || number == EINVAL || number == E2BIG || number == ENOTTY || number == EPERM;
}

} // namespace

Result<std::optional<MountInfo>> statmount(BorrowedFd file, BorrowedFd mount_namespace, Source source) {
    const auto id = unique_mount_id(file);
    Request request;
    if (!id || call(SYS_ioctl, mount_namespace.number(), get_namespace_id, &request.mount_namespace) < 0) {
        return std::nullopt;
    }
    request.mount = *id;
    // Not on the stack, which would be cleared, and touched page by page.
    const auto answer = std::make_unique_for_overwrite<Answer>();
    if (call(number_of_statmount, &request, answer.get(), sizeof(Answer), 0) < 0) {
        return is_too_old(errno) || errno == EOVERFLOW ? Result<std::optional<MountInfo>>(std::nullopt)
                                                       : fail_errno(errno, "statmount");
    }
    const auto needed = source == Source::needed ? always | want_source : always;
    if ((answer->mask & needed) != needed) {
        return std::nullopt;
    }
    const auto text = [&](std::uint32_t offset) { return std::string(answer->text.data() + offset); };
    MountInfo mount;
    mount.shared = (answer->propagation[1] & MS_SHARED) != 0;
    mount.root = text(answer->root);
    mount.point = text(answer->point);
    mount.type = text(answer->type);
    mount.options = (answer->mask & want_options) != 0 ? text(answer->options) : "";
    mount.source = (answer->mask & want_source) != 0 ? text(answer->source) : "";
    return mount;
}

Result<MountInfo> mount_of(BorrowedFd file, const Process& process, Source source) {
    TRY_ASSIGN(const auto ns, process.mount_namespace());
    TRY_ASSIGN(auto mount, statmount(file, ns.borrow(), source));
    if (!mount) {
        TRY_ASSIGN(const auto place, place_of(file));
        TRY_ASSIGN(const auto mountinfo, process.mountinfo());
        TRY_ASSIGN(mount, find_mount(mountinfo.borrow(), place.mount_id));
    }
    if (!mount) {
        return fail_errno(ENOENT, "the mount in the mount namespace of its process");
    }
    return *std::move(mount);
}

} // namespace bulkhead::sys
