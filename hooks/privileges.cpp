// SPDX-License-Identifier: Apache-2.0
#include "hooks/privileges.h"

#include "runtime/sys/capabilities.h"

#include <array>
#include <linux/capability.h>

namespace bulkhead::hook {

Result<void> drop_privileges() {
    // tests/integration/privileges.bats has for each what cannot be done without.
    static constexpr std::array<unsigned, 10> needed{
        CAP_SYS_ADMIN,    // mounts, quotas, a container's mount namespace
        CAP_SYS_CHROOT,   // which is entered with both (setns(2))
        CAP_SYS_PTRACE,   // the root and the namespaces of a process of another user, or one that is not dumpable
        CAP_DAC_OVERRIDE, // directories that an image keeps from others, and making a segment's there
        CAP_CHOWN,        // a segment's owner
        CAP_FSETID,       // its mode where that has the set-group-ID bit
        CAP_FOWNER,       // project ids on files of others
        CAP_SETUID,       // making directories as the container's root, which may be another user of the node's,
        CAP_SETGID,       // and his group,
        CAP_SETPCAP,      // with the capabilities over files all the same
    };
    return sys::keep_capabilities(needed);
}

} // namespace bulkhead::hook
