// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/label.h"

#include "runtime/sys/call.h"

#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {
constexpr const char* attribute = "security.selinux";
constexpr std::size_t longest_label = 4096; // the kernel's own limit is a page (security/selinux/selinuxfs.c)
} // namespace

Result<std::optional<std::string>> security_label(BorrowedFd file) {
    std::string label(longest_label, '\0');
    const long size = call(SYS_fgetxattr, file.number(), attribute, label.data(), label.size());
    if (size >= 0) {
        label.resize(static_cast<std::size_t>(size));
        return label;
    }
    return errno == ENODATA || errno == EOPNOTSUPP ? Result<std::optional<std::string>>(std::nullopt)
                                                   : fail_errno(errno, "read the file's SELinux label");
}

Result<void> set_security_label(BorrowedFd file, const std::string& label) {
    if (call(SYS_fsetxattr, file.number(), attribute, label.data(), label.size(), 0) < 0) {
        return fail_errno(errno, "set the file's SELinux label");
    }
    return {};
}

} // namespace bulkhead::sys
