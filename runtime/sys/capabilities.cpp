// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/capabilities.h"

#include "runtime/sys/call.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {

using Sets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>; // 32 capabilities in each

} // namespace

Result<void> keep_capabilities(std::span<const unsigned> kept) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    Sets sets{};
    if (call(SYS_capget, &header, sets.data()) < 0) {
        return fail_errno(errno, "capget");
    }
    std::array<std::uint32_t, _LINUX_CAPABILITY_U32S_3> masks{};
    for (const auto capability : kept) {
        masks.at(CAP_TO_INDEX(capability)) |= CAP_TO_MASK(capability);
    }
    for (std::size_t i = 0; i < sets.size(); ++i) {
        sets.at(i).permitted &= masks.at(i);
        sets.at(i).effective = sets.at(i).permitted;
        sets.at(i).inheritable = 0; // and with it the ambient ones
    }
    if (call(SYS_capset, &header, sets.data()) < 0) {
        return fail_errno(errno, "capset");
    }
    if (call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return fail_errno(errno, "PR_SET_NO_NEW_PRIVS");
    }
    return {};
}

} // namespace bulkhead::sys
