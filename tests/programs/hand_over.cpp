// SPDX-License-Identifier: Apache-2.0
//
// How one container helps another: an open directory goes from process to process through a socket (SCM_RIGHTS).
//
//   hand_over give SOCKET DIRECTORY     waits at SOCKET, and hands DIRECTORY to who comes
//   hand_over take SOCKET COMMAND...    takes it, and becomes COMMAND with the directory as descriptor 9
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

constexpr int taken = 9;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    ::_exit(2);
}

int socket_at(const char* path, sockaddr_un& address) {
    const int number = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sun_family = AF_UNIX;
    if (number < 0 || std::strlen(path) >= sizeof address.sun_path) {
        die(path);
    }
    std::strcpy(address.sun_path, path);
    return number;
}

// One message of one byte that carries a descriptor.
struct Message {
    char byte = 'x';
    iovec part{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
    msghdr header{};

    Message() {
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
    }
};

void give(const char* path, const char* directory) {
    sockaddr_un address{};
    const int listener = socket_at(path, address);
    const int given = ::open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (given < 0) {
        die(directory);
    }
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(listener, 1) != 0) {
        die(path);
    }
    const int peer = ::accept(listener, nullptr, nullptr);
    Message message;
    auto* const carried = CMSG_FIRSTHDR(&message.header);
    carried->cmsg_level = SOL_SOCKET;
    carried->cmsg_type = SCM_RIGHTS;
    carried->cmsg_len = CMSG_LEN(sizeof given);
    std::memcpy(CMSG_DATA(carried), &given, sizeof given);
    if (peer < 0 || ::sendmsg(peer, &message.header, 0) != 1) {
        die("sendmsg");
    }
}

void take(const char* path, char** command) {
    sockaddr_un address{};
    const int peer = socket_at(path, address);
    if (::connect(peer, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        die(path);
    }
    Message message;
    if (::recvmsg(peer, &message.header, 0) != 1 || CMSG_FIRSTHDR(&message.header) == nullptr) {
        die("recvmsg");
    }
    int given = -1;
    std::memcpy(&given, CMSG_DATA(CMSG_FIRSTHDR(&message.header)), sizeof given);
    if (::dup2(given, taken) != taken) {
        die("dup2");
    }
    ::execv(command[0], command);
    die(command[0]);
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "give" && argc == 4) {
        give(argv[2], argv[3]);
    } else if (what == "take" && argc > 3) {
        take(argv[2], argv + 3);
    } else {
        std::fputs("usage: hand_over give SOCKET DIRECTORY | take SOCKET COMMAND...\n", stderr);
        return 2;
    }
    return 0;
}
