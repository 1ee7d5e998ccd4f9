// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/filesystem.h"

#include "runtime/sys/call.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <linux/magic.h>
#include <optional>
#include <span>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

namespace bulkhead::sys {

namespace {

constexpr std::size_t uuid_size = 16;
using Uuid = std::array<unsigned char, uuid_size>;

Result<struct statfs> statfs_of(BorrowedFd file) {
    struct statfs status{};
    if (call(SYS_fstatfs, file.number(), &status) < 0) {
        return fail_errno(errno, "fstatfs");
    }
    return status;
}

FilesystemType type_of(const struct statfs& status) {
    constexpr auto xfs_magic = 0x58465342; // "XFSB" (include/uapi/linux/magic.h, since Linux 6.0)
    if (status.f_type == xfs_magic) {
        return FilesystemType::xfs;
    }
    return status.f_type == EXT4_SUPER_MAGIC ? FilesystemType::ext4 : FilesystemType::other;
}

std::string hexadecimal(std::span<const unsigned char> bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (bytes.size() == uuid_size && (i == 4 || i == 6 || i == 8 || i == 10)) {
            text.push_back('-');
        }
        text.push_back(digits[bytes[i] >> 4U]);
        text.push_back(digits[bytes[i] & 15U]);
    }
    return text;
}

// False where it is not known. Any other failure is one: the next who asks may be answered, and would take what was
// written down under the id of another kind for another disk's.
Result<bool> ask(BorrowedFd file, unsigned long question, void* answer) {
    if (call(SYS_ioctl, file.number(), question, answer) == 0) {
        return true;
    }
    return errno == ENOTTY ? Result<bool>(false) : fail_errno(errno, "ask for the UUID of the file system");
}

// FS_IOC_GETFSUUID (include/uapi/linux/fs.h), Linux 6.9.
Result<std::optional<Uuid>> generic_uuid(BorrowedFd file) {
    struct {
        std::uint8_t size;
        Uuid uuid;
    } answer{};
    constexpr unsigned long get_uuid = _IOR(0x15, 0, decltype(answer));
    TRY_ASSIGN(const auto known, ask(file, get_uuid, &answer));
    return known && answer.size == uuid_size ? std::optional(answer.uuid) : std::nullopt;
}

// XFS_IOC_FSGEOMETRY_V1 and struct xfs_fsop_geom_v1 (fs/xfs/libxfs/xfs_fs.h); in every XFS.
Result<std::optional<Uuid>> xfs_uuid(BorrowedFd file) {
    struct {
        std::array<std::uint32_t, 8> sizes;
        std::array<std::uint64_t, 4> blocks;
        Uuid uuid;
        std::array<std::uint32_t, 7> rest;
    } geometry{};
    static_assert(sizeof geometry == 112);
    constexpr unsigned long get_geometry = _IOR('X', 100, decltype(geometry));
    TRY_ASSIGN(const auto known, ask(file, get_geometry, &geometry));
    return known ? Result<std::optional<Uuid>>(geometry.uuid)
                 : fail_errno(ENOTTY, "ask for the UUID of the file system");
}

// EXT4_IOC_GETFSUUID and struct fsuuid (include/uapi/linux/ext4.h), Linux 6.0.
Result<std::optional<Uuid>> ext4_uuid(BorrowedFd file) {
    struct Header {
        std::uint32_t size;
        std::uint32_t flags;
    };
    struct {
        Header header;
        Uuid uuid;
    } answer{.header = {.size = uuid_size, .flags = 0}, .uuid = {}};
    constexpr unsigned long get_uuid = _IOR('f', 44, Header);
    TRY_ASSIGN(const auto known, ask(file, get_uuid, &answer));
    return known ? std::optional(answer.uuid) : std::nullopt;
}

std::string fstatfs_id(const struct statfs& status) {
    std::array<unsigned char, sizeof status.f_fsid> id{};
    std::memcpy(id.data(), &status.f_fsid, id.size());
    return hexadecimal(id);
}

} // namespace

Result<FilesystemSize> filesystem_size(BorrowedFd file) {
    TRY_ASSIGN(const auto status, statfs_of(file));
    return FilesystemSize{.type = type_of(status),
                          .bytes = Bytes{status.f_blocks * static_cast<std::uint64_t>(status.f_bsize)},
                          .block = Bytes{static_cast<std::uint64_t>(status.f_bsize)},
                          .inodes = Count{status.f_files}};
}

Result<std::string> filesystem_uuid(BorrowedFd file) {
    TRY_ASSIGN(const auto status, statfs_of(file));
    TRY_ASSIGN(auto uuid, generic_uuid(file));
    if (!uuid && type_of(status) == FilesystemType::xfs) {
        TRY_ASSIGN(uuid, xfs_uuid(file));
    } else if (!uuid && type_of(status) == FilesystemType::ext4) {
        TRY_ASSIGN(uuid, ext4_uuid(file));
    }
    return uuid ? hexadecimal(*uuid) : fstatfs_id(status);
}

} // namespace bulkhead::sys
