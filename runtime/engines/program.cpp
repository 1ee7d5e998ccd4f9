// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/program.h"

#include "runtime/sys/file.h"

#include <sys/stat.h>

namespace bulkhead::engines {

std::optional<std::pair<dev_t, ino_t>> program_at(const std::string& path) {
    const auto status = sys::status_behind(sys::working_directory, path);
    return status && S_ISREG(status->mode) && sys::may_execute(path)
               ? std::optional(std::pair(status->device, status->inode))
               : std::nullopt;
}

std::optional<std::string> find_program(std::string_view name) {
    for (const auto* const place :
         {"/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/", "/bin/", "/sbin/"}) {
        auto path = std::string(place).append(name);
        if (program_at(path)) {
            return path;
        }
    }
    return std::nullopt;
}

} // namespace bulkhead::engines
