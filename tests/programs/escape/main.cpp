// SPDX-License-Identifier: Apache-2.0
//
// escape DIRECTORY [BYTES]: tries every way out of the project quota that DIRECTORY is in, from inside of a container,
// and then whether BYTES can be written to it.
//
// One line for each, "WHO: WAY: " and the errno's name, or DONE. With 0 none got through, with 1 one did, with 2 it
// could not be tried. What it makes is named DIRECTORY/escape.*; run where a way is open it leaves DIRECTORY without
// its label.
#include "attempts.h"

#include <cstdlib>
#include <functional>
#include <grp.h>
#include <linux/magic.h>
#include <sched.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <thread>
#include <vector>

namespace {

using escape::Attempts;

constexpr uid_t somebody = 1000;

// In a child, as what is tried may change who it is. True: something got through.
bool in_child(const std::string& who, const std::function<void(Attempts&)>& tries) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        Attempts attempts(who);
        tries(attempts);
        std::fflush(stdout);
        ::_exit(attempts.done() ? 1 : 0);
    }
    int status = -1;
    while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0 || !WIFEXITED(status)) {
        std::printf("%s: died\n", who.c_str());
        return true;
    }
    return WEXITSTATUS(status) != 0;
}

void as_somebody(Attempts& attempts, const std::string& directory) {
    const auto place = directory + "/escape.somebody";
    ::mkdir(place.c_str(), 0700);
    const bool owned = ::chown(place.c_str(), somebody, somebody) == 0;
    if (!owned || ::setgroups(0, nullptr) != 0 || ::setgid(somebody) != 0 || ::setuid(somebody) != 0) {
        std::puts("uid 1000: could not become");
        return;
    }
    escape::try_own_label(attempts, place);
}

void in_user_namespace(Attempts& attempts, const std::string& directory) {
    if (::unshare(CLONE_NEWUSER) == 0) {
        escape::try_own_label(attempts, directory);
    }
}

bool try_everything(const std::string& directory, int opened_before, std::uint64_t bytes) {
    const auto who = "uid " + std::to_string(::getuid());
    bool done = in_child(who, [&](Attempts& attempts) { escape::try_files(attempts, directory); });
    done |= in_child(who, [&](Attempts& attempts) { escape::try_disk(attempts, directory); });
    done |= in_child(who, [&](Attempts& attempts) { escape::try_detours(attempts, directory); });
    done |= in_child(who + " in a thread", [&](Attempts& attempts) {
        std::thread([&] { escape::try_own_label(attempts, directory); }).join();
    });
    done |= in_child(who + " in a user namespace", [&](Attempts& attempts) { in_user_namespace(attempts, directory); });
    if (::getuid() == 0) {
        done |= in_child("uid 1000", [&](Attempts& attempts) { as_somebody(attempts, directory); });
    }
    done |= in_child(who, [&](Attempts& attempts) { escape::try_labels(attempts, directory, opened_before); });
    if (bytes > 0) {
        done |= in_child(who, [&](Attempts& attempts) { escape::try_to_fill(attempts, directory, bytes); });
    }
    return done;
}

// Once more by execve, with the directory open: what was opened before is used later.
int begin(char** arguments) {
    const int opened = ::open(arguments[1], O_RDONLY | O_DIRECTORY);
    if (opened < 0 || ::chdir(arguments[1]) != 0) {
        std::perror(arguments[1]);
        return 2;
    }
    ::setenv("ESCAPE_OPENED", std::to_string(opened).c_str(), 1);
    ::execv("/proc/self/exe", arguments);
    std::perror("/proc/self/exe");
    return 2;
}

// As root on a node all ways are open, and some of them would be felt.
bool in_container() {
    struct statfs root{};
    return ::statfs("/", &root) == 0 && root.f_type == OVERLAYFS_SUPER_MAGIC;
}

} // namespace

int main(int argc, char** argv) {
    if (!in_container()) {
        std::fputs("escape: not in a container: the root is no overlay\n", stderr);
        return 2;
    }
    if (argc < 2 || argc > 3 || std::string_view(argv[1]).front() != '/') {
        std::fputs("usage: escape DIRECTORY [BYTES]\n", stderr);
        return 2;
    }
    const char* const opened = std::getenv("ESCAPE_OPENED");
    if (opened == nullptr) {
        return begin(argv);
    }
    const std::uint64_t bytes = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    return try_everything(argv[1], std::atoi(opened), bytes) ? 1 : 0;
}
