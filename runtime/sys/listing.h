// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bulkhead::sys {

// One open directory and the entries of it that were read and not yet handed out: getdents64(2).
class Listing {
public:
    // `directory` is opened for reading.
    explicit Listing(UniqueFd directory) : directory_(std::move(directory)) {}

    [[nodiscard]] BorrowedFd directory() const { return directory_.borrow(); }

    // The next name but "." and ".."; nullopt at the end.
    [[nodiscard]] Result<std::optional<std::string>> next();

private:
    [[nodiscard]] Result<void> fill();
    [[nodiscard]] std::string take();

    UniqueFd directory_;
    std::vector<char> buffer_;
    std::size_t at_ = 0;
    std::size_t filled_ = 0;
};

// The names in `directory`, without "." and "..", in no order.
[[nodiscard]] Result<std::vector<std::string>> list_directory(BorrowedFd directory);

} // namespace bulkhead::sys
