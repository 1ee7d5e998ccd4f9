// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/unique_fd.h"

#include <cerrno>
#include <unistd.h>

namespace bulkhead {

void UniqueFd::reset() {
    if (number_ >= 0) {
        const int saved = errno;
        static_cast<void>(::close(release()));
        errno = saved;
    }
}

} // namespace bulkhead
