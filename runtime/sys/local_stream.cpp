// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/local_stream.h"

#include "runtime/sys/call.h"
#include "runtime/sys/process.h"

#include <cerrno>
#include <ctime>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

namespace bulkhead::sys {

namespace {

Result<UniqueFd> make_socket() {
    const long fd = call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fail_errno(errno, "socket");
    }
    return UniqueFd(static_cast<int>(fd));
}

} // namespace

std::unexpected<Error> LocalStream::too_late() const {
    return fail(Code::busy, path_ + " did not answer within " + std::to_string(deadline_.count()) + " ms");
}

Result<void> LocalStream::in_time() const {
    return std::chrono::steady_clock::now() < end_ ? Result<void>{} : too_late();
}

Result<LocalStream> LocalStream::connect(const std::string& path, std::chrono::milliseconds deadline) {
    LocalStream stream(path, deadline);
    TRY_ASSIGN(stream.socket_, make_socket());
    sockaddr_un address{};
    if (path.size() >= sizeof address.sun_path) {
        return fail_errno(ENAMETOOLONG, "connect to " + path);
    }
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    while (call(SYS_connect, stream.socket_.borrow().number(), &address, sizeof address) < 0) {
        if (errno != EAGAIN && errno != EINTR) { // EAGAIN: too many wait there already
            return fail_errno(errno, "connect to " + path);
        }
        if (std::chrono::steady_clock::now() >= stream.end_) {
            return stream.too_late();
        }
        pause(std::chrono::milliseconds(5));
    }
    return stream;
}

Result<void> LocalStream::wait_for(short events) const {
    using std::chrono::nanoseconds;
    for (;;) {
        const nanoseconds left = end_ - std::chrono::steady_clock::now();
        if (left.count() <= 0) {
            return too_late();
        }
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
        pollfd waiting{.fd = socket_.borrow().number(), .events = events, .revents = 0};
        const long ready = call(SYS_ppoll, &waiting, 1, &timeout, nullptr, 0);
        if (ready > 0) {
            return {};
        }
        if (ready < 0 && errno != EINTR) {
            return fail_errno(errno, "wait for " + path_);
        }
    }
}

Result<void> LocalStream::send(std::string_view bytes) const {
    while (!bytes.empty()) {
        const long count =
            call(SYS_sendto, socket_.borrow().number(), bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno == EAGAIN) {
            TRY(wait_for(POLLOUT));
        } else if (errno != EINTR) {
            return fail_errno(errno, "send to " + path_);
        }
    }
    return {};
}

Result<std::string> LocalStream::receive_some(std::size_t most) const {
    std::string bytes(most, '\0');
    for (;;) {
        const long count = call(SYS_read, socket_.borrow().number(), bytes.data(), bytes.size());
        if (count > 0) {
            bytes.resize(static_cast<std::size_t>(count));
            return bytes;
        }
        if (count == 0) {
            return fail_errno(ECONNRESET, path_);
        }
        if (errno == EAGAIN) {
            TRY(wait_for(POLLIN));
        } else if (errno != EINTR) {
            return fail_errno(errno, "receive from " + path_);
        }
    }
}

Result<std::string> LocalStream::receive(std::size_t size) const {
    std::string bytes;
    while (bytes.size() < size) {
        TRY_ASSIGN(const auto some, receive_some(size - bytes.size()));
        bytes.append(some);
    }
    return bytes;
}

} // namespace bulkhead::sys
