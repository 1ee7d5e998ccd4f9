// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/listing.h"

#include "runtime/sys/call.h"
#include "runtime/sys/file.h"

#include <cstdint>
#include <cstring>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {
// struct linux_dirent64: 8 bytes inode, 8 offset, 2 length of the record, 1 type, then the name.
constexpr std::size_t length_at = 16;
constexpr std::size_t name_at = 19;
constexpr std::size_t buffer_size = 8UL << 10U;
} // namespace

Result<std::optional<std::string>> Listing::next() {
    for (;;) {
        if (at_ == filled_) {
            TRY(fill());
            if (filled_ == 0) {
                return std::nullopt;
            }
        }
        std::string name = take();
        if (name != "." && name != "..") {
            return name;
        }
    }
}

Result<void> Listing::fill() {
    buffer_.resize(buffer_size);
    const long count = call(SYS_getdents64, directory_.borrow().number(), buffer_.data(), buffer_.size());
    if (count < 0) {
        return fail_errno(errno, "read a directory");
    }
    at_ = 0;
    filled_ = static_cast<std::size_t>(count);
    return {};
}

std::string Listing::take() {
    std::uint16_t length = 0;
    std::memcpy(&length, buffer_.data() + at_ + length_at, sizeof length);
    std::string name(buffer_.data() + at_ + name_at);
    at_ += length;
    return name;
}

Result<std::vector<std::string>> list_directory(BorrowedFd directory) {
    TRY_ASSIGN(auto opened, open_at(directory, ".", O_RDONLY | O_DIRECTORY));
    Listing listing(std::move(opened));
    std::vector<std::string> names;
    for (;;) {
        TRY_ASSIGN(auto name, listing.next());
        if (!name) {
            return names;
        }
        names.push_back(*std::move(name));
    }
}

} // namespace bulkhead::sys
