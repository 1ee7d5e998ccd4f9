// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/dbus.h"

#include "runtime/sys/call.h"
#include "support/fake_bus.h"

#include <bit>
#include <chrono>
#include <doctest/doctest.h>
#include <string>
#include <sys/syscall.h>
#include <thread>
#include <vector>

using namespace bulkhead;
using namespace std::string_literals;
using resources::DbusCall;
using resources::DbusValues;
using test::FakeBus;

namespace {

constexpr std::chrono::milliseconds plenty{10'000};
const DbusCall call{
    .destination = "a.b", .path = "/c", .interface = "d.e", .member = "F", .signature = "s", .body = "\1\0\0\0x\0"s};

// "" where it was answered well.
std::string answer_to(FakeBus& bus, std::chrono::milliseconds deadline = plenty) {
    const auto called = resources::call_by_dbus(bus.path(), call, deadline);
    bus.finish();
    return called ? "" : std::to_string(static_cast<int>(called.error().code)) + " " + called.error().what;
}

} // namespace

TEST_CASE("values lie at multiples of their sizes, as the specification has them") {
    CHECK(DbusValues().byte(1).uint32(0).byte(2).uint64(0).bytes() ==
          "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s);
    CHECK(DbusValues().signature("t").align(8).bytes() == "\1t\0\0\0\0\0\0"s);
    if (std::endian::native == std::endian::little) {
        CHECK(DbusValues().byte(9).string("ab").bytes() == "\x9\0\0\0\2\0\0\0ab\0"s);
        CHECK(DbusValues().uint64(0x0102030405060708).bytes() == "\x8\7\6\5\4\3\2\1");
    }
}

TEST_CASE("a call: who logs in is root, and the message is as the specification has it") {
    FakeBus bus({.answer = FakeBus::message(2, 2, "")});
    CHECK(answer_to(bus) == "");
    CHECK(bus.login() == "\0AUTH EXTERNAL 30\r\n"s);
    if (std::endian::native == std::endian::little) {
        CHECK(bus.call() == "l\1\0\1"
                            "\6\0\0\0\2\0\0\0\107\0\0\0"
                            "\1\1o\0\2\0\0\0/c\0\0\0\0\0\0"
                            "\2\1s\0\3\0\0\0d.e\0\0\0\0\0"
                            "\3\1s\0\1\0\0\0F\0\0\0\0\0\0\0"
                            "\6\1s\0\3\0\0\0a.b\0\0\0\0\0"
                            "\10\1g\0\1s\0\0"
                            "\1\0\0\0x\0"s);
    }
}

TEST_CASE("an error's words, or its name, are the message; other messages are passed over") {
    FakeBus bus({.answer = FakeBus::message(4, 0, "a signal") + FakeBus::message(2, 1, "another's") +
                           FakeBus::message(3, 2, "Unit x.scope not found.")});
    CHECK(answer_to(bus) == "71 Unit x.scope not found.");
    FakeBus silent({.answer = FakeBus::message(3, 2, "")});
    CHECK(answer_to(silent) == "71 org.example.Failed");
}

TEST_CASE("only replies answer: anybody on the bus may send signals, with any field") {
    FakeBus bus(
        {.answer = FakeBus::message(4, 2, "refused") + FakeBus::message(1, 2, "refused") + FakeBus::message(2, 2, "")});
    CHECK(answer_to(bus) == "");
}

TEST_CASE("the deadline holds while there is always something to read") {
    std::string signals;
    for (int i = 0; i < 300; ++i) { // of three reads each
        signals += FakeBus::message(4, 0, "a signal");
    }
    FakeBus bus({.answer = signals + FakeBus::message(2, 2, "")});
    sys::intercept([](long number) {
        std::this_thread::sleep_for(std::chrono::milliseconds(number == SYS_read ? 1 : 0));
        return 0;
    });
    CHECK(answer_to(bus, std::chrono::milliseconds(200)) == "75 " + bus.path() + " did not answer within 200 ms");
    sys::intercept(nullptr);
}

TEST_CASE("who is not let in, does not get an answer, or is hung up on") {
    for (const char* const login : {"REJECTED EXTERNAL\r\n", "ERROR\r\n", "DATA\r\n"}) {
        FakeBus closed({.login = login, .answer = {}});
        CHECK(answer_to(closed) == "71 the bus does not take root for root");
    }
    for (const auto& login : {std::string(600, 'x'), "HTTP/1.1 400 Bad Request\r\n"s}) {
        FakeBus another({.login = login, .answer = {}});
        CHECK(answer_to(another) == "71 what answers does not speak D-Bus");
    }
    FakeBus mute({.answer = {}, .closes = false});
    CHECK(answer_to(mute, std::chrono::milliseconds(100)) == "75 " + mute.path() + " did not answer within 100 ms");
    FakeBus gone({.answer = "l"});
    CHECK(answer_to(gone) == "71 " + gone.path() + ": Connection reset by peer");
}

TEST_CASE("what is no message is refused, wherever it is cut or wrong") {
    const auto good = FakeBus::message(3, 2, "Unit x.scope not found.");
    const auto changed = [&good](std::size_t at, char to) {
        auto bad = good;
        bad.at(at) = to;
        return bad;
    };
    const std::string refused = "71 what answers does not speak D-Bus";
    const std::vector<std::string> bads{
        changed(0, 'X'),                // byte order
        changed(7, '\1'),               // a body of 16 MiB
        changed(15, '\1'),              // so long a header
        changed(12, '\4'),              // one that ends before a number
        changed(16 + 2, 'v'),           // a field of another type
        changed(16 + 12, '\x7f'),       // one that is longer than the header
        changed(good.size() - 28, 'y'), // a string in the body that is longer than that
    };
    for (const auto& bad : bads) {
        FakeBus bus({.answer = bad});
        CHECK(answer_to(bus) == refused);
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
        FakeBus bus({.answer = good.substr(0, size)});
        CHECK(answer_to(bus) == "71 " + bus.path() + ": Connection reset by peer");
    }
}
