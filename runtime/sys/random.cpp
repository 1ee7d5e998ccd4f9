// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/random.h"

#include "runtime/sys/call.h"

#include <sys/syscall.h>

namespace bulkhead::sys {

Result<std::uint32_t> random_below(std::uint32_t limit) {
    std::uint64_t number = 0;
    if (call_restarting(SYS_getrandom, &number, sizeof number, 0) != sizeof number) {
        return fail_errno(errno, "getrandom");
    }
    return static_cast<std::uint32_t>(number % limit); // 64 bits: as good as even
}

} // namespace bulkhead::sys
