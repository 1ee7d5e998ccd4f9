// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/journal.h"

#include "support/child.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

using namespace bulkhead;
using sys::log_to_journal;
using sys::Priority;

namespace {

// A socket that listens at `path` below a fake root.
class Listener {
public:
    Listener(const test::TemporaryDirectory& root, const std::string& path)
        : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        std::filesystem::create_directories(std::filesystem::path(root.path(path)).parent_path());
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, root.path(path).c_str(), sizeof address.sun_path - 1);
        bound_ = ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() { ::close(fd_); }

    [[nodiscard]] bool bound() const { return bound_; }
    // The next datagram, or "nothing".
    [[nodiscard]] std::string receive() const {
        char buffer[8192];
        const auto size = ::recv(fd_, buffer, sizeof buffer, 0);
        return size < 0 ? "nothing" : std::string(buffer, static_cast<std::size_t>(size));
    }

private:
    int fd_;
    bool bound_ = false;
};

std::string log_in(const test::TemporaryDirectory& root, Priority priority, const std::string& line,
                   const std::string& container) {
    return test::in_child([&](test::Findings& findings) {
        findings.expect(::chroot(root.path().c_str()) == 0, "chroot");
        log_to_journal(priority, line, container, "poststop");
    });
}

} // namespace

TEST_CASE("a record goes to the journal with its fields (chroot: root only)" * doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory root;
    const Listener journal(root, "run/systemd/journal/socket");
    const Listener syslog(root, "dev/log");
    REQUIRE(journal.bound());
    CHECK(log_in(root, Priority::warning, "bulkhead: web: no\nPRIORITY=0", "w\nX=1") == "");
    CHECK(journal.receive() == "MESSAGE=bulkhead: web: no?PRIORITY=0\nPRIORITY=4\nSYSLOG_IDENTIFIER=bulkhead-hook\n"
                               "BULKHEAD_CONTAINER=w?X=1\nBULKHEAD_STAGE=poststop\n");
    CHECK(syslog.receive() == "nothing");
}

TEST_CASE("without a journal it goes to syslog (chroot: root only)" * doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory root;
    const Listener syslog(root, "dev/log");
    REQUIRE(syslog.bound());
    CHECK(log_in(root, Priority::error, "bulkhead: web: a\nb", "web") == "");
    CHECK(syslog.receive() == "<27>bulkhead-hook: bulkhead: web: a?b");
}

TEST_CASE("a socket that is full is not waited for (chroot: root only)" * doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory root;
    const Listener syslog(root, "dev/log");
    ::alarm(60);
    for (int i = 0; i < 3; ++i) {
        CHECK(log_in(root, Priority::notice, std::string(400, 'x'), "web") == "");
    }
    CHECK(test::in_child([&](test::Findings& findings) {
              findings.expect(::chroot(root.path().c_str()) == 0, "chroot");
              ::alarm(20);
              for (int i = 0; i < 2000; ++i) {
                  log_to_journal(Priority::notice, "x", "web", "poststop");
              }
          }) == "");
    ::alarm(0);
}

TEST_CASE("logging never fails") {
    {
        const test::FailingCall no_socket(SYS_socket, EACCES);
        log_to_journal(Priority::error, "x", "c", "s");
        CHECK(test::FailingCall::seen() == 2); // journal, syslog
    }
    const test::FailingCall no_sending(SYS_sendto, ECONNREFUSED);
    log_to_journal(Priority::error, "x", "c", "s");
    CHECK(test::FailingCall::seen() == 2);
}
