// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

namespace bulkhead::sys {

// A connection to a socket in the file system (unix(7), SOCK_STREAM). All that is done with it has one deadline,
// counted from the beginning: Code::busy.
class LocalStream {
public:
    // ENOENT, ECONNREFUSED: nobody listens there.
    [[nodiscard]] static Result<LocalStream> connect(const std::string& path, std::chrono::milliseconds deadline);

    [[nodiscard]] Result<void> send(std::string_view bytes) const;
    // What is there, of `most` bytes at most: at least one. ECONNRESET: the other side has closed it.
    [[nodiscard]] Result<std::string> receive_some(std::size_t most) const;
    // Exactly so many; the same where it closes before.
    [[nodiscard]] Result<std::string> receive(std::size_t size) const;
    // Looked at by the others only where they wait: who reads in a loop what need not end asks each time.
    [[nodiscard]] Result<void> in_time() const;

private:
    LocalStream(std::string path, std::chrono::milliseconds deadline)
        : path_(std::move(path)), deadline_(deadline), end_(std::chrono::steady_clock::now() + deadline) {}

    [[nodiscard]] Result<void> wait_for(short events) const;
    [[nodiscard]] std::unexpected<Error> too_late() const;

    UniqueFd socket_;
    std::string path_;
    std::chrono::milliseconds deadline_;
    std::chrono::steady_clock::time_point end_;
};

} // namespace bulkhead::sys
