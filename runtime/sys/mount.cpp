// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/mount.h"

#include "runtime/sys/call.h"
#include "runtime/sys/file.h"

#include <array>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

namespace bulkhead::sys {

namespace {

Result<struct statfs> statfs_of(BorrowedFd file) {
    struct statfs status{};
    if (call(SYS_fstatfs, file.number(), &status) < 0) {
        return fail_errno(errno, "fstatfs");
    }
    return status;
}

// What the kernel wrote into the log of a file system context: "e tmpfs: Too small a size for current use".
std::string reason_of(BorrowedFd context) {
    std::array<char, 256> line{};
    const long size = call(SYS_read, context.number(), line.data(), line.size());
    std::string text(line.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    if (text.starts_with("e ")) {
        text.erase(0, 2);
    }
    while (text.ends_with('\n')) {
        text.pop_back();
    }
    return text;
}

std::unexpected<Error> fail_with_reason(int number, std::string_view what, BorrowedFd context) {
    auto failure = fail_errno(number, what);
    if (const auto reason = reason_of(context); !reason.empty()) {
        failure.error().what.append(" (").append(reason).append(")");
    }
    return failure;
}

Result<void> set_option(BorrowedFd context, const char* name, const std::string& value) {
    if (call(SYS_fsconfig, context.number(), FSCONFIG_SET_STRING, name, value.c_str(), 0) < 0) {
        return fail_with_reason(errno, std::string("fsconfig ") + name + "=" + value, context);
    }
    return {};
}

Result<void> set_huge(BorrowedFd context, const std::string& huge) {
    return huge.empty() || set_option(context, "huge", huge)
               ? Result<void>{}
               : fail(Code::unsupported,
                      "this kernel's tmpfs has no huge pages of that kind (huge=" + huge + "); leave huge out");
}

// What not every kernel has: the error says so in place of EINVAL.
Result<void> set_rare_options(BorrowedFd context, const TmpfsOptions& options) {
    if (options.inodes) {
        TRY(set_option(context, "nr_inodes", std::to_string(options.inodes->value)));
    }
    TRY(set_huge(context, options.huge));
    if (options.noswap && call(SYS_fsconfig, context.number(), FSCONFIG_SET_FLAG, "noswap", nullptr, 0) < 0) {
        return errno == EINVAL ? fail(Code::unsupported, "this kernel's tmpfs has no noswap, which needs Linux 6.4 and "
                                                         "swap support; leave noswap out")
                               : fail_with_reason(errno, "fsconfig noswap", context);
    }
    return options.context.empty() ? Result<void>{} : set_option(context, "context", options.context);
}

std::string octal(mode_t mode) {
    std::string digits;
    for (int shift = 9; shift >= 0; shift -= 3) {
        digits.push_back(static_cast<char>('0' + ((mode >> static_cast<unsigned>(shift)) & 7U)));
    }
    return digits;
}

} // namespace

Result<Place> place_of(BorrowedFd file) {
    struct statx status{};
    if (call(SYS_statx, file.number(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID, &status) <
        0) {
        return fail_errno(errno, "statx");
    }
    return Place{.device = makedev(status.stx_dev_major, status.stx_dev_minor),
                 .mount_id = status.stx_mnt_id,
                 .mount_root = (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0};
}

Result<TmpfsUse> tmpfs_use(BorrowedFd inside) {
    TRY_ASSIGN(const auto status, statfs_of(inside));
    const auto block = static_cast<std::uint64_t>(status.f_bsize);
    return TmpfsUse{.size = Bytes{status.f_blocks * block},
                    .used = Bytes{(status.f_blocks - status.f_bfree) * block},
                    .page = Bytes{block}};
}

Result<void> resize_tmpfs(BorrowedFd root, Bytes size, std::optional<Count> inodes, const std::string& huge) {
    const long fd = call(SYS_fspick, root.number(), "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
    if (fd < 0) {
        return fail_errno(errno, "fspick");
    }
    const UniqueFd context(static_cast<int>(fd));
    TRY(set_option(context.borrow(), "size", std::to_string(size.value)));
    if (inodes) {
        TRY(set_option(context.borrow(), "nr_inodes", std::to_string(inodes->value)));
    }
    TRY(set_huge(context.borrow(), huge));
    if (call(SYS_fsconfig, context.borrow().number(), FSCONFIG_CMD_RECONFIGURE, nullptr, nullptr, 0) < 0) {
        return fail_with_reason(errno, "reconfigure tmpfs", context.borrow());
    }
    return {};
}

Result<UniqueFd> make_tmpfs(const TmpfsOptions& options) {
    const long fd = call(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fd < 0) {
        return fail_errno(errno, "fsopen tmpfs");
    }
    const UniqueFd context(static_cast<int>(fd));
    TRY(set_option(context.borrow(), "source", options.source));
    TRY(set_option(context.borrow(), "size", std::to_string(options.size.value)));
    TRY(set_option(context.borrow(), "mode", octal(options.mode)));
    TRY(set_option(context.borrow(), "uid", std::to_string(options.owner)));
    TRY(set_option(context.borrow(), "gid", std::to_string(options.group)));
    TRY(set_rare_options(context.borrow(), options));
    if (call(SYS_fsconfig, context.borrow().number(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) < 0) {
        return fail_with_reason(errno, "create tmpfs", context.borrow());
    }
    constexpr unsigned flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    const long mount = call(SYS_fsmount, context.borrow().number(), FSMOUNT_CLOEXEC, flags);
    if (mount < 0) {
        return fail_errno(errno, "fsmount");
    }
    return UniqueFd(static_cast<int>(mount));
}

Result<UniqueFd> clone_mount(BorrowedFd root) {
    const long clone = call(SYS_open_tree, root.number(), "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    if (clone < 0) {
        return fail_errno(errno, "open_tree");
    }
    return UniqueFd(static_cast<int>(clone));
}

namespace {
Result<void> set_attributes(BorrowedFd mount, const mount_attr& attributes) {
    if (call(SYS_mount_setattr, mount.number(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
        return fail_errno(errno, "mount_setattr");
    }
    return {};
}

Result<void> take_off(BorrowedFd parent, const std::string& name, int flags) {
    // By path, as there is no call by descriptor, and a descriptor of the mount itself would keep it in use.
    const auto path = "/proc/self/fd/" + std::to_string(parent.number()) + "/" + name;
    if (call(SYS_umount2, path.c_str(), flags | UMOUNT_NOFOLLOW) < 0) {
        return fail_errno(errno, "umount " + name);
    }
    return {};
}
} // namespace

Result<void> change_mount(BorrowedFd mount, const MountFlags& flags) {
    mount_attr attributes{};
    attributes.attr_set = flags.read_only ? MOUNT_ATTR_RDONLY : 0;
    attributes.attr_clr = flags.exec ? MOUNT_ATTR_NOEXEC : 0;
    if (flags.ids_of) {
        attributes.attr_set |= MOUNT_ATTR_IDMAP;
        attributes.userns_fd = static_cast<decltype(attributes.userns_fd)>(flags.ids_of->number());
    }
    return attributes.attr_set == 0 && attributes.attr_clr == 0 ? Result<void>{} : set_attributes(mount, attributes);
}

Result<void> make_anchor(BorrowedFd parent, const std::string& name) {
    TRY_ASSIGN(const auto target, open_at(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY_ASSIGN(const auto mount, clone_mount(target.borrow()));
    TRY(attach_mount(mount.borrow(), target.borrow()));
    return keep_anchored(mount.borrow()); // not before: on a shared mount the new one is shared whatever it was
}

Result<void> keep_anchored(BorrowedFd anchor) {
    mount_attr attributes{};
    attributes.propagation = MS_UNBINDABLE;
    return set_attributes(anchor, attributes);
}

Result<void> detach_mount(BorrowedFd parent, const std::string& name) { return take_off(parent, name, MNT_DETACH); }

Result<void> detach_mount(BorrowedFd root) {
    // There is no call by descriptor, and in another mount namespace /proc/self/fd may be anything.
    if (call(SYS_fchdir, root.number()) < 0) {
        return fail_errno(errno, "fchdir");
    }
    return call(SYS_umount2, ".", MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? fail_errno(errno, "umount") : Result<void>{};
}

Result<void> unmount(BorrowedFd parent, const std::string& name) { return take_off(parent, name, 0); }

Result<void> attach_mount(BorrowedFd mount, BorrowedFd target) {
    constexpr unsigned by_descriptor = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    if (call(SYS_move_mount, mount.number(), "", target.number(), "", by_descriptor) < 0) {
        return fail_errno(errno, "move_mount");
    }
    return {};
}

} // namespace bulkhead::sys
