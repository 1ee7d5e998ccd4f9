// SPDX-License-Identifier: Apache-2.0
// As much of D-Bus (dbus.freedesktop.org/doc/dbus-specification.html) as calling one method takes. busctl(1) would be a
// program to execute and wait for, and to let through the hook's own walls with all that it needs.
#pragma once

#include "runtime/base/error.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead::resources {

// Values as they are sent, in this machine's byte order: each at a multiple of its own size, counted from the
// beginning.
class DbusValues {
public:
    DbusValues& align(std::size_t to);
    DbusValues& byte(std::uint8_t value);
    DbusValues& uint32(std::uint32_t value); // BOOLEAN, and how long an array is, too
    DbusValues& uint64(std::uint64_t value);
    DbusValues& string(std::string_view value); // OBJECT_PATH too
    DbusValues& signature(std::string_view value);
    DbusValues& raw(std::string_view bytes);

    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

struct DbusCall {
    std::string destination;
    std::string path;
    std::string interface;
    std::string member;
    std::string signature; // of the body
    std::string body;
};

// Makes the call as root, by the bus that listens at `socket`, and waits for its answer. What an error that came as the
// answer says, or else its name, is the message, with Code::system and without a number. Code::busy: none came before
// the deadline. ENOENT, ECONNREFUSED: there is no bus. EBADMSG: what answers does not speak D-Bus. EACCES: it does not
// let root in.
[[nodiscard]] Result<void> call_by_dbus(const std::string& socket, const DbusCall& call,
                                        std::chrono::milliseconds deadline);

} // namespace bulkhead::resources
