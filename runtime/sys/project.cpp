// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/project.h"

#include "runtime/sys/call.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {

// Since Linux 6.17, with one number everywhere; Debian 12's headers do not know them.
constexpr long number_of_file_getattr = 468;
constexpr long number_of_file_setattr = 469;

struct FileAttributes { // struct file_attr (include/uapi/linux/fs.h)
    std::uint64_t xflags = 0;
    std::uint32_t extent_size = 0;
    std::uint32_t extents = 0;
    std::uint32_t project_id = 0;
    std::uint32_t cow_extent_size = 0;
};

Result<fsxattr> attributes_of(BorrowedFd file) {
    fsxattr attributes{};
    if (call(SYS_ioctl, file.number(), FS_IOC_FSGETXATTR, &attributes) < 0) {
        return fail_errno(errno, "read the project id");
    }
    return attributes;
}

Result<FileAttributes> attributes_at(BorrowedFd directory, const std::string& name) {
    FileAttributes attributes;
    if (call(number_of_file_getattr, directory.number(), name.c_str(), &attributes, sizeof attributes,
             AT_SYMLINK_NOFOLLOW) < 0) {
        return fail_errno(errno, "read the project id of " + in_quotes(name));
    }
    return attributes;
}

} // namespace

Result<ProjectLabel> project_label(BorrowedFd file) {
    TRY_ASSIGN(const auto attributes, attributes_of(file));
    return ProjectLabel{.id = attributes.fsx_projid, .inherit = (attributes.fsx_xflags & FS_XFLAG_PROJINHERIT) != 0};
}

Result<void> set_project_label(BorrowedFd file, const ProjectLabel& label) {
    TRY_ASSIGN(auto attributes, attributes_of(file));
    attributes.fsx_projid = label.id;
    attributes.fsx_xflags &= ~__u32{FS_XFLAG_PROJINHERIT};
    attributes.fsx_xflags |= label.inherit ? FS_XFLAG_PROJINHERIT : 0U;
    if (call(SYS_ioctl, file.number(), FS_IOC_FSSETXATTR, &attributes) < 0) {
        return fail_errno(errno, "set project id " + std::to_string(label.id));
    }
    return {};
}

Result<void> set_project_at(BorrowedFd directory, const std::string& name, ProjectId id) {
    TRY_ASSIGN(auto attributes, attributes_at(directory, name));
    attributes.project_id = id;
    if (call(number_of_file_setattr, directory.number(), name.c_str(), &attributes, sizeof attributes,
             AT_SYMLINK_NOFOLLOW) < 0) {
        return fail_errno(errno, "set project id " + std::to_string(id) + " of " + in_quotes(name));
    }
    return {};
}

Result<ProjectId> project_at(BorrowedFd directory, const std::string& name) {
    TRY_ASSIGN(const auto attributes, attributes_at(directory, name));
    return attributes.project_id;
}

bool labels_are_guarded() {
    const fsxattr attributes{};
    return call(SYS_ioctl, -1, FS_IOC_FSSETXATTR, &attributes) < 0 && errno == ENOTTY;
}

} // namespace bulkhead::sys
