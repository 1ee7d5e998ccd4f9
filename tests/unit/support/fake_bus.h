// SPDX-License-Identifier: Apache-2.0
// A bus that takes one connection, lets it log in and say Hello, and answers the call that comes next.
#pragma once

#include "runtime/resources/dbus.h"
#include "support/temporary_directory.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace bulkhead::test {

class FakeBus {
public:
    // What it sends for the call, as a whole; it closes the connection then, or keeps it for as long as the client
    // does.
    struct Words {
        std::string login = "OK 0123456789abcdef0123456789abcdef\r\n";
        std::string answer;
        bool closes = true;
    };

    explicit FakeBus(Words words)
        : words_(std::move(words)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
            ::listen(listener_, 1) == 0) {
            thread_ = std::thread([this] { serve(); });
        }
    }
    FakeBus(const FakeBus&) = delete;
    FakeBus& operator=(const FakeBus&) = delete;
    ~FakeBus() { finish(); }

    [[nodiscard]] std::string path() const { return directory_.path("socket"); }

    // Once the client is done.
    void finish() {
        ::shutdown(listener_, SHUT_RDWR);
        if (thread_.joinable()) {
            thread_.join();
        }
        if (listener_ >= 0) {
            ::close(std::exchange(listener_, -1));
        }
    }
    [[nodiscard]] const std::string& login() const { return login_; }
    [[nodiscard]] const std::string& call() const { return call_; }

    // A message with no more than it takes: `kind` 2 is a reply, 3 an error, 4 a signal.
    static std::string message(std::uint8_t kind, std::uint32_t reply_serial, const std::string& text) {
        resources::DbusValues fields;
        fields.byte(5).signature("u").uint32(reply_serial);
        fields.align(8).byte(7).signature("s").string("org.freedesktop.DBus");
        if (kind == 3) {
            fields.align(8).byte(4).signature("s").string("org.example.Failed");
        }
        if (!text.empty()) {
            fields.align(8).byte(8).signature("g").signature("s");
        }
        resources::DbusValues body;
        if (!text.empty()) {
            body.string(text);
        }
        resources::DbusValues all;
        all.byte(std::endian::native == std::endian::little ? 'l' : 'B').byte(kind).byte(1).byte(1);
        all.uint32(static_cast<std::uint32_t>(body.bytes().size())).uint32(77);
        all.uint32(static_cast<std::uint32_t>(fields.bytes().size())).raw(fields.bytes()).align(8).raw(body.bytes());
        return all.bytes();
    }

private:
    static void send(int to, const std::string& bytes) {
        static_cast<void>(::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    }
    static std::string receive(int from, std::size_t size) {
        std::string bytes(size, '\0');
        const auto got = ::recv(from, bytes.data(), size, MSG_WAITALL);
        bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return bytes;
    }
    static std::string receive_message(int from) {
        auto bytes = receive(from, 16);
        std::uint32_t sizes[4] = {};
        std::memcpy(sizes, bytes.data(), std::min(bytes.size(), sizeof sizes));
        return bytes + receive(from, ((sizes[3] + 7U) & ~7U) + sizes[1]);
    }

    void serve() {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) {
            return;
        }
        constexpr std::size_t size_of_login = 19;
        login_ = receive(client, size_of_login);
        send(client, words_.login);
        if (words_.login.starts_with("OK ") && receive(client, 7) == "BEGIN\r\n") {
            static_cast<void>(receive_message(client));
            // In two pieces, with a signal between: as a stream may bring it.
            const auto hello = message(2, 1, ":1.5") + message(4, 0, ":1.5");
            send(client, hello.substr(0, 21));
            send(client, hello.substr(21));
            call_ = receive_message(client);
            send(client, words_.answer);
        }
        char rest = 0;
        while (!words_.closes && ::recv(client, &rest, 1, 0) > 0) {
        }
        ::close(client);
    }

    TemporaryDirectory directory_;
    Words words_;
    int listener_;
    std::string login_;
    std::string call_;
    std::thread thread_;
};

} // namespace bulkhead::test
