// SPDX-License-Identifier: Apache-2.0
// With real mounts, seen by a process whose root directory plays a container's.
#include "runtime/inventory/shm_use.h"

#include "support/private_mounts.h"
#include "support/silent_fuse.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

using namespace bulkhead;
using inventory::ShmUse;
using test::can_mount;
using test::Findings;
using test::mount_silent_fuse;

namespace {

const auto needs_mounts = doctest::skip(!test::can_mount_privately());
const auto needs_user_namespaces = doctest::skip(!test::can_mount_privately() || !test::can_make_user_namespaces());

struct Box {
    explicit Box(Findings& found) : findings(found) {
        findings.expect(test::mount_tmpfs(root(), "root", "mode=755"), "mount the root");
        std::filesystem::create_directories(root("/dev"));
    }
    Box(const Box&) = delete;
    Box& operator=(const Box&) = delete;
    ~Box() { static_cast<void>(::umount2(root().c_str(), MNT_DETACH)); }

    [[nodiscard]] std::string root(const std::string& path = "") const { return directory.path("root") + path; }

    // Of a process that did `first` and has its root directory in this one's `new_root`: "USED/LIMIT", with what else
    // there is to say. It may not mount, unless that is in a user namespace, or `mounts`.
    [[nodiscard]] std::string look(
        const std::function<bool()>& first = [] { return true; }, const std::string& new_root = "",
        bool mounts = false) const {
        const test::IdleProcess process([&] {
            return first() && (mounts || ::prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) == 0) &&
                   ::chroot(root(new_root).c_str()) == 0 && ::chdir("/") == 0;
        });
        findings.expect(process.ready(), "chroot");
        const auto use = inventory::shm_use(*sys::Process::open(process.pid()));
        if (!use) {
            return use.error().what;
        }
        return *use ? std::to_string((*use)->used.value) + "/" +
                          ((*use)->limit ? std::to_string((*use)->limit->value) : "none") +
                          ((*use)->hosts ? " of the host" : "")
                    : "nothing";
    }

    test::TemporaryDirectory directory;
    Findings& findings;
};

template <typename Body>
std::string findings_of(Body body) {
    return test::in_private_mounts([&](Findings& findings) {
        const Box box(findings);
        body(findings, box);
    });
}

bool write_into(const char* path, std::string_view text) {
    const int file = ::open(path, O_WRONLY | O_CLOEXEC);
    return file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
           ::close(file) == 0;
}

bool enter_user_namespace(int others) {
    return ::unshare(CLONE_NEWUSER | others) == 0 && write_into("/proc/self/setgroups", "deny") &&
           write_into("/proc/self/uid_map", "0 0 1") && write_into("/proc/self/gid_map", "0 0 1");
}

// As silent, for want of an NFS server: whoever looks a name up waits for a daemon.
bool mount_silent_autofs(const std::string& place) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) {
        return false;
    }
    const pid_t daemon = ::fork(); // whose process group does not wait
    if (daemon == 0) {
        ::setpgid(0, 0);
        const auto options =
            "fd=" + std::to_string(ends[1]) + ",pgrp=" + std::to_string(::getpid()) + ",minproto=5,maxproto=5,indirect";
        ::_exit(::mount("silent", place.c_str(), "autofs", 0, options.c_str()) == 0 ? 0 : 1);
    }
    return daemon > 0 && test::wait_for(daemon) == 0;
}

} // namespace

TEST_CASE("what /dev/shm holds, and may hold (root, mounts of its own)" * needs_mounts) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              findings.expect(test::mount_tmpfs(box.root("/dev/shm"), "shm", "size=4m"), "mount");
              findings.expect_equal(box.look(), "0/4194304");
              test::write_file(box.root("/dev/shm/file"), std::string(100'000, 'x'));
              findings.expect_equal(box.look(), "102400/4194304"); // whole pages
          }) == "");
}

TEST_CASE("a /dev/shm without a limit has none (root, mounts of its own)" * needs_mounts) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              findings.expect(test::mount_tmpfs(box.root("/dev/shm"), "shm", "size=0"), "mount");
              findings.expect_equal(box.look(), "0/none");
          }) == "");
}

TEST_CASE("no /dev/shm of its own is nothing (root, mounts of its own)" * needs_mounts) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              findings.expect_equal(box.look(), "nothing");
              std::filesystem::create_directories(box.root("/dev/shm")); // no mount
              findings.expect_equal(box.look(), "nothing");
          }) == "");
}

TEST_CASE("what is no tmpfs is nothing (root, mounts of its own)" * needs_mounts) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              std::filesystem::create_directories(box.root("/dev/shm"));
              findings.expect(::mount("x", box.root("/dev/shm").c_str(), "ramfs", 0, nullptr) == 0, "mount");
              findings.expect_equal(box.look(), "nothing");
          }) == "");
}

TEST_CASE("what is no tmpfs is nothing in a user namespace either (root, user namespaces)" * needs_user_namespaces) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              std::filesystem::create_directories(box.root("/dev/shm"));
              findings.expect(::mount("x", box.root("/dev/shm").c_str(), "ramfs", 0, nullptr) == 0, "mount");
              findings.expect_equal(box.look([] { return enter_user_namespace(0); }), "nothing");
          }) == "");
}

TEST_CASE("a symlink on the way is not followed (root, mounts of its own)" * needs_mounts) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              findings.expect(test::mount_tmpfs(box.root("/elsewhere/shm"), "shm", "size=4m"), "mount");
              std::filesystem::create_directory_symlink("../elsewhere/shm", box.root("/dev/shm"));
              findings.expect_equal(box.look(), "nothing");
              std::filesystem::remove_all(box.root("/dev"));
              std::filesystem::create_directory_symlink("elsewhere", box.root("/dev"));
              findings.expect_equal(box.look(), "nothing");
          }) == "");
}

TEST_CASE("the host's own is said to be (root, mounts of its own)" * needs_mounts) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              findings.expect(test::mount_tmpfs("/dev/shm", "shm", "size=3m"), "mount"); // of this namespace
              std::filesystem::create_directories(box.root("/dev/shm"));
              findings.expect(::mount("/dev/shm", box.root("/dev/shm").c_str(), nullptr, MS_BIND, nullptr) == 0,
                              "bind");
              findings.expect_equal(box.look(), "0/3145728 of the host");
          }) == "");
}

TEST_CASE("a FUSE file system that never answers is not asked (root, FUSE, user namespaces)" *
          doctest::skip(!can_mount(mount_silent_fuse) || !test::can_make_user_namespaces())) {
    const std::string refusal = "a file system that may never answer (fuse) is mounted on the way to /dev/shm";
    for (const auto* place : {"/dev/shm", "/dev"}) {
        CAPTURE(place);
        CHECK(findings_of([&](Findings& findings, const Box& box) {
                  std::filesystem::create_directories(box.root("/dev/shm"));
                  findings.expect(mount_silent_fuse(box.root(place)), "mount");
                  findings.expect_equal(box.look(), refusal);
                  ::umount2(box.root(place).c_str(), MNT_DETACH);
              }) == "");
    }
}

TEST_CASE("nor is any other one that may never answer (root, autofs)" *
          doctest::skip(!can_mount(mount_silent_autofs))) {
    CHECK(findings_of([&](Findings& findings, const Box& box) {
              findings.expect(mount_silent_autofs(box.root("/dev")), "mount");
              findings.expect_equal(box.look(),
                                    "a file system that may never answer (autofs) is mounted on the way to /dev/shm");
              ::umount2(box.root("/dev").c_str(), MNT_DETACH);
          }) == "");
}

TEST_CASE("nor where the process has its root (root, autofs)" * doctest::skip(!can_mount(mount_silent_autofs))) {
    CHECK(findings_of([&](Findings& findings, const Box& box) {
              std::filesystem::create_directories(box.root("/jail"));
              findings.expect(mount_silent_autofs(box.root("/jail")), "mount");
              findings.expect_equal(box.look([] { return true; }, "/jail"),
                                    "a file system that may never answer (autofs) is mounted on the way to /dev/shm");
              ::umount2(box.root("/jail").c_str(), MNT_DETACH);
          }) == "");
}

namespace {

constexpr std::string_view host_has_none = "the container may mount file systems of its own, and have /dev/shm behind "
                                           "one that never answers; and the host has "
                                           "it mounted nowhere";

} // namespace

TEST_CASE("of who may mount nothing is looked up: FUSE may be below an overlay (root, mounts of its own)" *
          needs_mounts) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              findings.expect(test::mount_tmpfs(box.root("/dev/shm"), "shm", "size=4m"), "mount");
              findings.expect_equal(box.look([] { return true; }, "", true), "0/4194304"); // as the host has it
              const auto mount_another = [&] {
                  return ::unshare(CLONE_NEWNS) == 0 && test::mount_tmpfs(box.root("/dev/shm"), "shm", "size=2m");
              };
              findings.expect_equal(box.look(mount_another, "", true), host_has_none);
          }) == "");
}

TEST_CASE("in a user namespace nothing is looked up: the host's mount is asked (root, user namespaces)" *
          needs_user_namespaces) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              findings.expect(test::mount_tmpfs(box.root("/dev/shm"), "shm", "size=4m"), "mount");
              findings.expect_equal(box.look([] { return enter_user_namespace(0); }), "0/4194304");
          }) == "");
}

TEST_CASE("in a user namespace what is covered on the host is not asked (root, user namespaces)" *
          needs_user_namespaces) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              const auto shm = box.root("/dev/shm");
              findings.expect(test::mount_tmpfs(shm, "shm", "size=4m") && test::mount_tmpfs(shm, "cover", "size=2m"),
                              "mount");
              findings.expect_equal(box.look([&] {
                  return ::unshare(CLONE_NEWNS) == 0 && ::umount2(shm.c_str(), 0) == 0 && enter_user_namespace(0);
              }),
                                    shm + " is mounted over");
              ::umount2(shm.c_str(), MNT_DETACH);
          }) == "");
}

TEST_CASE("in a user namespace what is mounted nowhere else is not asked (root, user namespaces)" *
          needs_user_namespaces) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              std::filesystem::create_directories(box.root("/dev/shm"));
              findings.expect_equal(box.look([&] {
                  return enter_user_namespace(CLONE_NEWNS) && test::mount_tmpfs(box.root("/dev/shm"), "shm", "size=2m");
              }),
                                    host_has_none);
          }) == "");
}

TEST_CASE("in a user namespace a FUSE file system that never answers is not asked (root, FUSE, user namespaces)" *
          doctest::skip(!can_mount(mount_silent_fuse) || !test::can_make_user_namespaces())) {
    CHECK(findings_of([](Findings& findings, const Box& box) {
              std::filesystem::create_directories(box.root("/dev/shm"));
              findings.expect_equal(
                  box.look([&] { return enter_user_namespace(CLONE_NEWNS) && mount_silent_fuse(box.root("/dev")); }),
                  "nothing");
          }) == "");
}
