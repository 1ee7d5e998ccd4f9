// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/procfs.h"

#include "runtime/sys/file.h"
#include "runtime/sys/process.h"
#include "support/child.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>
#include <functional>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using sys::Process;
using test::FailingCall;

namespace {

// Field 22 of /proc/self/stat; this program's name has no blank in it.
std::uint64_t own_start_time() {
    std::istringstream words(test::read_file("/proc/self/stat"));
    std::string word;
    for (int field = 0; field < 22; ++field) {
        words >> word;
    }
    return std::stoull(word);
}

bool has_kernel_threads() {
    return std::filesystem::exists("/proc/2/comm") && test::read_file("/proc/2/comm") == "kthreadd\n";
}

pid_t gone_pid() {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(0);
    }
    test::wait_for(child);
    return child;
}

Process::Owner owner_with_maps(const std::string& users, const std::string& groups) {
    const test::IdleProcess process([] { return ::unshare(CLONE_NEWUSER) == 0; });
    const auto directory = "/proc/" + std::to_string(process.pid());
    if (!users.empty()) {
        test::write_file(directory + "/uid_map", users);
        test::write_file(directory + "/gid_map", groups);
    }
    return Process::open(process.pid())->namespace_root().value();
}

} // namespace

TEST_CASE("Process::open of this process") {
    const auto process = Process::open(::getpid());
    REQUIRE(process);
    CHECK(process->identity().pid == ::getpid());
    CHECK(process->identity().start_time == own_start_time());
    CHECK(!process->dead());
    CHECK(process->cgroup().value() == test::read_file("/proc/self/cgroup"));
    CHECK(sys::own_cgroup().value() == test::read_file("/proc/self/cgroup"));
    CHECK(process->mount_namespace());
    CHECK(sys::read_all(process->mountinfo()->borrow(), 1 << 20).value() == test::read_file("/proc/self/mountinfo"));
}

TEST_CASE("the first process of a pid namespace (unshare: root only)" * doctest::skip(geteuid() != 0)) {
    CHECK(Process::open(1)->is_first_of_pid_namespace() == true);
    CHECK(test::in_child([](test::Findings& findings) {
              const auto is_first = [](const test::IdleProcess& process) {
                  return Process::open(process.pid())->is_first_of_pid_namespace().value();
              };
              const test::IdleProcess outside;
              findings.expect(::unshare(CLONE_NEWPID) == 0, "unshare");
              const test::IdleProcess first;
              const test::IdleProcess second;
              findings.expect(!is_first(outside), "outside");
              findings.expect(is_first(first), "the first");
              findings.expect(!is_first(second), "the second");
          }) == "");
}

TEST_CASE("Process::root is the root directory of the process (chroot: root only)" * doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory root;
    const test::IdleProcess other([&] { return ::chroot(root.path().c_str()) == 0; });
    REQUIRE(other.ready());
    struct stat expected{};
    REQUIRE(::stat(root.path().c_str(), &expected) == 0);
    const auto process = Process::open(other.pid());
    CHECK(sys::status_of(process->root()->borrow())->inode == expected.st_ino);
}

TEST_CASE("a process that is gone") {
    const pid_t pid = gone_pid();
    const auto process = Process::open(pid);
    REQUIRE(!process);
    CHECK(process.error().code == Code::system);
    CHECK(process.error().number == ENOENT);
    CHECK(!sys::is_running({.pid = pid, .start_time = 1}).value());
    CHECK(!Process::open(0));
    CHECK(!Process::open(-1));
}

TEST_CASE("a zombie is dead and does not run") {
    const test::IdleProcess child;
    const auto before = Process::open(child.pid());
    REQUIRE(before);
    CHECK(!before->dead());
    CHECK(sys::is_running(before->identity()).value());
    child.become_zombie();
    const auto after = Process::open(child.pid());
    REQUIRE(after);
    CHECK(after->dead());
    CHECK(after->identity() == before->identity());
    CHECK(!sys::is_running(before->identity()).value());
}

TEST_CASE("a process whose main thread ended runs as long as another one does") {
    const test::IdleProcess child(test::IdleProcess::keep_a_thread);
    REQUIRE(child.ready());
    CHECK(!Process::open(child.pid())->main_thread_ended());
    child.end_main_thread();
    for (int looks = 0; looks < 500 && !Process::open(child.pid())->main_thread_ended(); ++looks) {
        sys::pause(std::chrono::milliseconds(10));
    }
    const auto process = Process::open(child.pid());
    CHECK(process->main_thread_ended());
    CHECK(!process->dead());
    CHECK(sys::is_running(process->identity()).value());
}

TEST_CASE("an open Process does not become another one") {
    test::IdleProcess child;
    const auto process = Process::open(child.pid());
    REQUIRE(process);
    child.end();
    CHECK(process->cgroup().error().number == ESRCH);
    CHECK(process->namespace_root().error().number == ESRCH);
}

TEST_CASE("the same number with another start time is another process") {
    const auto self = Process::open(::getpid())->identity();
    CHECK(sys::is_running(self).value());
    CHECK(!sys::is_running({.pid = self.pid, .start_time = self.start_time + 1}).value());
    CHECK(!sys::is_running({.pid = self.pid, .start_time = self.start_time - 1}).value());
    CHECK(!sys::is_running({.pid = self.pid, .start_time = 0}).value());
}

TEST_CASE("a process may be called anything") {
    for (const std::string name : {"a) Z 1 1 1", ") Z (", "(((", ")))", "Z", " ", "\n) Z 1", ") X 1 2 3 4"}) {
        CAPTURE(name);
        const test::IdleProcess child([&] { return ::prctl(PR_SET_NAME, name.c_str(), 0, 0, 0) == 0; });
        REQUIRE(child.ready());
        const auto process = Process::open(child.pid());
        REQUIRE(process);
        CHECK(!process->dead());
        CHECK(process->identity().start_time >= own_start_time());
        CHECK(process->identity().start_time < own_start_time() + 1'000'000);
        CHECK(sys::is_running(process->identity()).value());
    }
}

TEST_CASE("a directory of plain files is no /proc (chroot: root only)" * doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory root;
    root.write("proc/123/stat", "123 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n");
    CHECK(test::in_child([&](test::Findings& findings) {
              findings.expect(::chroot(root.path().c_str()) == 0, "chroot");
              const auto process = Process::open(123);
              findings.expect_equal(process ? "opened" : process.error().what, "/proc is not a procfs");
              const auto running = sys::is_running({.pid = 123, .start_time = 4711});
              findings.expect(!running, "is_running believes it");
          }) == "");
}

TEST_CASE("namespace_root without a user namespace is root itself (root only)" * doctest::skip(geteuid() != 0)) {
    const auto owner = Process::open(::getpid())->namespace_root();
    REQUIRE(owner);
    CHECK(owner->user == 0);
    CHECK(owner->group == 0);
}

TEST_CASE("namespace_root is what 0 inside is outside (root, user namespaces)" *
          doctest::skip(!test::can_make_user_namespaces())) {
    auto owner = owner_with_maps("0 100000 65536\n", "0 200000 65536\n");
    CHECK(owner.user == 100000);
    CHECK(owner.group == 200000);
    owner = owner_with_maps("10 300000 10\n0 400000 1\n", "1 500000 10\n0 600000 1\n");
    CHECK(owner.user == 400000);
    CHECK(owner.group == 600000);
    owner = owner_with_maps("1 100000 10\n", "10 100000 10\n");
    CHECK(owner.user == 65534);
    CHECK(owner.group == 65534);
    owner = owner_with_maps("", "");
    CHECK(owner.user == 65534);
}

TEST_CASE("what cannot be known is an error, not gone") {
    const auto self = Process::open(::getpid())->identity();
    for (const long number : {long{SYS_openat}, long{SYS_fstatfs}, long{SYS_read}}) {
        const FailingCall failing(number, EACCES);
        const auto running = sys::is_running(self);
        REQUIRE(!running);
        CHECK(running.error().number == EACCES);
    }
    const FailingCall vanished(SYS_read, ESRCH);
    CHECK(!sys::is_running(self).value());
}

// In this order: this process has not asked for it before.
TEST_CASE("boot_id is read once, and again after a failure") {
    {
        const FailingCall failing(SYS_openat, EMFILE);
        CHECK(sys::boot_id().error().number == EMFILE);
    }
    const auto boot = sys::boot_id();
    REQUIRE(boot);
    CHECK(boot->size() == 36);
    CHECK(*boot + "\n" == test::read_file("/proc/sys/kernel/random/boot_id"));
    const FailingCall failing(SYS_openat, EMFILE);
    CHECK(sys::boot_id().value_or("") == *boot);
}

TEST_CASE("total_ram") {
    struct sysinfo info{};
    REQUIRE(::sysinfo(&info) == 0);
    CHECK(sys::total_ram().value() == std::uint64_t{info.totalram} * info.mem_unit);
    CHECK(sys::total_ram().value() > 16U << 20U);
    const FailingCall failing(SYS_sysinfo, EFAULT);
    CHECK(sys::total_ram().error().what == "sysinfo: Bad address");
}

TEST_CASE("the files of a process keep the errno") {
    const auto process = Process::open(::getpid());
    const FailingCall failing(SYS_openat, EMFILE);
    CHECK(process->root().error().number == EMFILE);
    CHECK(process->mount_namespace().error().number == EMFILE);
    CHECK(process->mountinfo().error().number == EMFILE);
    CHECK(process->cgroup().error().number == EMFILE);
    CHECK(process->is_first_of_pid_namespace().error().number == EMFILE);
    CHECK(process->namespace_root().error().number == EMFILE);
    CHECK(sys::own_cgroup().error().number == EMFILE);
}

TEST_CASE("what a process calls itself, how it was called, and its filters") {
    const test::IdleProcess idle([] { return ::prctl(PR_SET_NAME, "a name\nof two") == 0; });
    const auto process = Process::open(idle.pid());
    CHECK(process->name().value() == "a name\nof two");
    const auto words = process->command_line();
    REQUIRE(words);
    CHECK(words->front().ends_with("sys-test"));
    CHECK(process->seccomp_filters().value() == Process::open(::getpid())->seccomp_filters().value());
    const auto all = sys::all_processes();
    REQUIRE(all);
    CHECK(std::ranges::count(*all, idle.pid()) == 1);
    CHECK(std::ranges::count(*all, ::getpid()) == 1);
}

TEST_CASE("a capability that is out of the bounding set is none to be had (root only)" *
          doctest::skip(geteuid() != 0)) {
    const test::IdleProcess idle([] { return ::prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0) == 0; });
    REQUIRE(idle.ready());
    const auto process = Process::open(idle.pid());
    CHECK_FALSE(process->may_have(CAP_SYS_ADMIN).value());
    CHECK(process->may_have(CAP_CHOWN).value());
}

TEST_CASE("filters are counted") {
    // Allows everything.
    const test::IdleProcess idle([] {
        sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        const sock_fprog program{.len = 1, .filter = static_cast<sock_filter*>(allow)};
        return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
    });
    REQUIRE(idle.ready());
    CHECK(Process::open(idle.pid())->seccomp_filters().value() ==
          Process::open(::getpid())->seccomp_filters().value() + 1);
}

TEST_CASE("a thread of the kernel is told from a process (where /proc shows the kernel's, as in the node)" *
          doctest::skip(!has_kernel_threads())) {
    CHECK(Process::open(2)->is_of_kernel());
}

TEST_CASE("the number of a thread is told from that of a process") {
    CHECK(!Process::open(::getpid())->is_thread());
    CHECK(!Process::open(::getpid())->is_of_kernel());
    std::thread thread([] { CHECK(Process::open(::gettid())->is_thread()); });
    thread.join();
}
