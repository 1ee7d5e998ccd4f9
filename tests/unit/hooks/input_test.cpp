// SPDX-License-Identifier: Apache-2.0
#include "hooks/input.h"

#include "support/child.h"
#include "support/descriptor.h"
#include "support/failing_call.h"

#include <array>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using hook::Input;
using hook::read_input;
using namespace std::string_literals;

namespace {

const std::string prefix = "io.bulkhead.";

void write_whole(int fd, const char* text, std::size_t size) {
    while (size > 0) {
        const auto written = ::write(fd, text, size);
        if (written <= 0) {
            ::_exit(1);
        }
        text += written;
        size -= static_cast<std::size_t>(written);
    }
}

// Lets the reader take what was written before more is, so that each piece is a read of its own.
void wait_until_empty(int fd) {
    pollfd reader{.fd = fd, .events = 0, .revents = 0};
    int waiting = 0;
    while (::ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0 && ::poll(&reader, 1, 0) == 0) {
        ::usleep(1);
    }
}

// Reads `text` from a pipe into which a child writes it in pieces of `sizes`, the last of which is used again and
// again.
Input read_in_pieces(const std::string& text, const std::vector<std::size_t>& sizes) {
    test::Pipe pipe;
    const pid_t child = ::fork();
    if (child == 0) {
        pipe.reader.reset();
        const int fd = pipe.writer.borrow().number();
        std::size_t at = 0;
        for (std::size_t i = 0; at < text.size(); ++i) {
            const auto size = std::min(sizes[std::min(i, sizes.size() - 1)], text.size() - at);
            write_whole(fd, text.data() + at, size);
            at += size;
            wait_until_empty(fd);
        }
        ::_exit(0);
    }
    pipe.writer.reset();
    auto input = read_input(pipe.reader.borrow());
    pipe.reader.reset();
    CHECK(test::wait_for(child) == 0); // SIGPIPE where not everything was read
    REQUIRE(input);
    return *std::move(input);
}

} // namespace

TEST_CASE("a text without our prefix, and one with it") {
    const auto none = read_in_pieces(R"({"id":"x"})", {1 << 20});
    CHECK(none.text == R"({"id":"x"})");
    CHECK(!none.names_us);
    CHECK(!none.too_long);
    const auto ours = read_in_pieces("{\"" + prefix + "shm-size\":\"1\"}", {1 << 20});
    CHECK(ours.names_us);
    CHECK(!read_in_pieces("", {1}).names_us);
    CHECK(read_in_pieces("", {1}).text.empty());
    CHECK(read_in_pieces(prefix, {1 << 20}).names_us);
}

TEST_CASE("the prefix is found byte by byte, and what only looks like it is not") {
    CHECK(read_in_pieces("{\"x\":1,\"" + prefix + "a\":2}", {1}).names_us);
    CHECK(read_in_pieces(prefix, {1}).names_us);
    CHECK(read_in_pieces("io.bulkio.bulkhead.", {1}).names_us);
    CHECK(!read_in_pieces("io.bulkheadio.bulkhead,io.bulk\0head."s, {1}).names_us);
    CHECK(!read_in_pieces("io.bulkhead", {1}).names_us);
    CHECK(!read_in_pieces("o.bulkhead.", {1}).names_us);
}

TEST_CASE("the prefix is found however it is cut into pieces") {
    const std::string text = "xxxxx" + prefix + "yyyyy";
    for (std::size_t first = 1; first < text.size(); ++first) {
        for (std::size_t second = 1; second <= 12; ++second) {
            CHECK(read_in_pieces(text, {first, second, 100}).names_us);
        }
    }
    std::string broken = text;
    broken[10] = '_';
    for (std::size_t first = 1; first < text.size(); ++first) {
        CHECK(!read_in_pieces(broken, {first, 3, 5, 100}).names_us);
    }
}

TEST_CASE("what comes byte by byte is no stream without an end") {
    constexpr std::size_t size = 270'000; // more reads than a gigabyte takes in whole chunks
    std::array<int, 2> pair{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) == 0);
    UniqueFd reader(pair[0]);
    UniqueFd writer(pair[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        reader.reset();
        for (std::size_t i = 0; i < size; ++i) {
            write_whole(writer.borrow().number(), "x", 1);
        }
        ::_exit(0);
    }
    writer.reset();
    const auto input = read_input(reader.borrow());
    reader.reset();
    CHECK(test::wait_for(child) == 0);
    REQUIRE(input);
    CHECK(input->text.size() == size);
}

TEST_CASE("the prefix is found across the borders of what is read at once") {
    for (const std::size_t border : {4096UL, 65536UL}) {
        for (std::size_t before = border - prefix.size() - 1; before <= border + 1; ++before) {
            const std::string text = std::string(before, 'x') + prefix + std::string(100, 'y');
            const auto input = read_in_pieces(text, {65535, 1, 65536});
            CHECK(input.names_us);
            CHECK(input.text == text);
        }
    }
    CHECK(!read_in_pieces(std::string(65536 - 5, 'x') + "io.bulkhea_." + std::string(9, 'y'), {65535}).names_us);
}

TEST_CASE("a text of 1 MiB is read whole, a longer one is not kept but read to its end") {
    const std::string longest(hook::longest_state, 'x');
    const auto whole = read_in_pieces(longest, {65536});
    CHECK(whole.text == longest);
    CHECK(!whole.too_long);
    const auto longer = read_in_pieces(longest + "y", {65536});
    CHECK(longer.text == longest);
    CHECK(longer.too_long);
    CHECK(!longer.names_us);
}

TEST_CASE("the prefix is found behind the first MiB too") {
    for (const std::size_t before : {hook::longest_state - 5, hook::longest_state, 3 * hook::longest_state}) {
        const auto input = read_in_pieces(std::string(before, 'x') + prefix + std::string(100, 'y'), {65535});
        CHECK(input.names_us);
        CHECK(input.too_long);
        CHECK(input.text.size() == hook::longest_state);
    }
}

TEST_CASE("a read that fails is told, one that is interrupted goes on") {
    test::Pipe pipe;
    REQUIRE(::write(pipe.writer.borrow().number(), prefix.data(), prefix.size()) == 12);
    pipe.writer.reset();
    {
        const test::FailingCall failing(SYS_read, EIO);
        CHECK(read_input(pipe.reader.borrow()).error().number == EIO);
    }
    const test::FailingCall interrupted(SYS_read, EINTR, 0, 3);
    CHECK(read_input(pipe.reader.borrow())->names_us);
}
