// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/journal.h"

#include "runtime/base/line.h"
#include "runtime/base/unique_fd.h"
#include "runtime/sys/call.h"

#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

namespace bulkhead::sys {

namespace {

constexpr std::string_view identifier = "bulkhead-hook";
constexpr int facility_daemon = 3 << 3;

bool send_datagram(const char* path, const std::string& text) {
    const long fd = call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return false;
    }
    const UniqueFd socket(static_cast<int>(fd));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    static_cast<void>(::strncpy(address.sun_path, path, sizeof address.sun_path - 1));
    return call(SYS_sendto, socket.borrow().number(), text.data(), text.size(), MSG_NOSIGNAL, &address,
                sizeof address) >= 0;
}

// One field of the native protocol in its text form, which has no place for a line end: printable_line has none.
void add_field(std::string& record, std::string_view name, std::string_view value) {
    record.append(name).append("=").append(printable_line(value)).append("\n");
}

} // namespace

void log_to_journal(Priority priority, std::string_view line, std::string_view container, std::string_view stage) {
    std::string record;
    add_field(record, "MESSAGE", line);
    add_field(record, "PRIORITY", std::to_string(static_cast<int>(priority)));
    add_field(record, "SYSLOG_IDENTIFIER", identifier);
    add_field(record, "BULKHEAD_CONTAINER", container);
    add_field(record, "BULKHEAD_STAGE", stage);
    if (!send_datagram("/run/systemd/journal/socket", record)) {
        const auto rank = "<" + std::to_string(facility_daemon + static_cast<int>(priority)) + ">";
        static_cast<void>(send_datagram("/dev/log", rank + std::string(identifier) + ": " + printable_line(line)));
    }
}

} // namespace bulkhead::sys
