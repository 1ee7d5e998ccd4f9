// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/call.h"

#include <unistd.h>

namespace bulkhead::sys {

namespace {
Interceptor active = nullptr;
}

void intercept(Interceptor interceptor) { active = interceptor; }

long detail::enter(long number, const long (&words)[6]) {
    if (active != nullptr) {
        if (const int failure = active(number); failure != 0) {
            errno = failure;
            return -1;
        }
    }
    return ::syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

} // namespace bulkhead::sys
