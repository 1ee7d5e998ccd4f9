// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/unique_fd.h"

#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace bulkhead::test {

inline bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

inline UniqueFd open_directory(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

struct Pipe {
    UniqueFd reader;
    UniqueFd writer;

    Pipe() {
        int ends[2] = {-1, -1};
        if (::pipe2(ends, O_CLOEXEC) == 0) {
            reader = UniqueFd(ends[0]);
            writer = UniqueFd(ends[1]);
        }
    }
};

} // namespace bulkhead::test
