// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/local_stream.h"

#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <cstring>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace bulkhead;
using std::chrono::milliseconds;
using sys::LocalStream;

namespace {

constexpr milliseconds plenty{10'000};

// Listens, with room for one that waits, and does nothing.
class Listener {
public:
    explicit Listener(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        listens_ =
            ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 && ::listen(fd_, 0) == 0;
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { close(); }

    [[nodiscard]] bool listens() const { return listens_; }
    [[nodiscard]] int accept() const { return ::accept(fd_, nullptr, nullptr); }
    void close() { ::close(std::exchange(fd_, -1)); }

private:
    int fd_;
    bool listens_ = false;
};

} // namespace

TEST_CASE("bytes go over and come back, in whatever pieces") {
    const test::TemporaryDirectory directory;
    const Listener listener(directory.path("s"));
    REQUIRE(listener.listens());
    const std::string much(1 << 20, 'x'); // more than a socket holds
    std::thread echo([&] {
        const int client = listener.accept();
        char chunk[4096];
        for (auto count = ::read(client, chunk, sizeof chunk); count > 0; count = ::read(client, chunk, sizeof chunk)) {
            if (chunk[count - 1] == '.') {
                break;
            }
        }
        for (const char one : {'a', 'b', 'c'}) {
            std::this_thread::sleep_for(milliseconds(5));
            static_cast<void>(!::write(client, &one, 1));
        }
        ::close(client);
    });
    const auto stream = LocalStream::connect(directory.path("s"), plenty);
    REQUIRE(stream);
    CHECK(stream->send(much + "."));
    CHECK(stream->receive(2).value_or("") == "ab");
    CHECK(stream->receive_some(10).value_or("") == "c");
    CHECK(stream->receive(1).error().what == directory.path("s") + ": Connection reset by peer");
    echo.join();
}

TEST_CASE("nobody listens there") {
    const test::TemporaryDirectory directory;
    CHECK(LocalStream::connect(directory.path("s"), plenty).error().number == ENOENT);
    Listener listener(directory.path("s"));
    listener.close();
    CHECK(LocalStream::connect(directory.path("s"), plenty).error().number == ECONNREFUSED);
    CHECK(LocalStream::connect(std::string(200, 'x'), plenty).error().number == ENAMETOOLONG);
}

TEST_CASE("one deadline for all of it: being let in, sending and receiving") {
    const test::TemporaryDirectory directory;
    const Listener listener(directory.path("s"));
    const auto late = directory.path("s") + " did not answer within 50 ms";
    const auto stream = LocalStream::connect(directory.path("s"), milliseconds(50));
    REQUIRE(stream);
    CHECK(stream->receive(1).error().what == late);
    CHECK(stream->send(std::string(1 << 20, 'x')).error().what == late);
    const auto waits =
        LocalStream::connect(directory.path("s"), milliseconds(50)); // or not: as many as listen(2) means
    const auto refused = LocalStream::connect(directory.path("s"), milliseconds(50));
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::busy);
    CHECK(refused.error().what == late);
}

TEST_CASE("what the kernel refuses is told") {
    const test::TemporaryDirectory directory;
    const Listener listener(directory.path("s"));
    for (const long number : {SYS_socket, SYS_connect}) {
        const test::FailingCall failing(number, EPERM);
        CHECK(LocalStream::connect(directory.path("s"), plenty).error().number == EPERM);
    }
    const auto stream = LocalStream::connect(directory.path("s"), plenty);
    REQUIRE(stream);
    for (const long number : {SYS_read, SYS_ppoll}) {
        const test::FailingCall failing(number, EIO);
        CHECK(stream->receive(1).error().number == EIO);
    }
    const test::FailingCall failing(SYS_sendto, EPIPE);
    CHECK(stream->send("x").error().number == EPIPE);
}
