// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/daemon.h"

#include "support/child.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;

namespace {

// Of which pid namespace PID 1 is not even root may see from the inside of some containers.
const auto root_only = doctest::skip(geteuid() != 0 || !sys::Process::open(1)->pid_namespace());
constexpr auto name = "bulkhead-test-d";

// Whether a process of that name is found that has done `prepare`.
template <typename Prepare>
bool finds(Prepare prepare) {
    const test::IdleProcess process([&] { return prepare() && ::prctl(PR_SET_NAME, name) == 0; });
    REQUIRE(process.ready());
    const auto found = engines::nodes_processes(name);
    CHECK(found.size() == static_cast<std::size_t>(std::ranges::count(
                              found, process.pid(), [](const auto& each) { return each.identity().pid; })));
    return !found.empty();
}

} // namespace

TEST_CASE("a daemon is root's, and outside of containers (setuid: root only)" * root_only) {
    CHECK(finds([] { return true; }));
    constexpr uid_t nobody = 65534;
    CHECK_FALSE(finds([] { return ::setresuid(nobody, nobody, nobody) == 0; }));
    CHECK_FALSE(finds([] { return ::setresuid(nobody, 0, 0) == 0; })); // as a set-user-ID program has them
    CHECK_FALSE(finds([] { return ::setresuid(0, 0, nobody) == 0; }));
}

TEST_CASE("root of a user namespace is no daemon's owner (root, user namespaces)" *
          doctest::skip(geteuid() != 0 || !sys::Process::open(1)->pid_namespace() ||
                        !test::can_make_user_namespaces())) {
    CHECK_FALSE(finds([] { return ::unshare(CLONE_NEWUSER) == 0; }));
}

TEST_CASE("a set-user-ID program is no daemon, whatever ids it has by now (root only)" * root_only) {
    const test::TemporaryDirectory directory;
    const auto program = directory.path(name);
    std::filesystem::copy_file("/bin/sleep", program);
    const auto runs = [&](mode_t mode) {
        REQUIRE(::chmod(program.c_str(), mode) == 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::execl(program.c_str(), program.c_str(), "60", nullptr);
            ::_exit(1);
        }
        bool found = false;
        for (int looks = 0; looks < 20 && !found; ++looks) {
            ::usleep(10'000);
            found = !engines::nodes_processes(name).empty();
        }
        ::kill(child, SIGKILL);
        test::wait_for(child);
        return found;
    };
    CHECK(runs(0755));
    CHECK_FALSE(runs(04755));
}

TEST_CASE("the config that a command line names") {
    const auto config_of = [](const std::vector<std::string>& words) {
        return engines::config_of(words).value_or("the default");
    };
    CHECK(config_of({"containerd"}) == "the default");
    CHECK(config_of({"containerd", "--log-level", "debug", "-c", "/a"}) == "/a");
    CHECK(config_of({"containerd", "-config=/a"}) == "/a");
    CHECK(config_of({"crio", "--config", "/a", "--config", "/b"}) == "/a");
    CHECK(config_of({"dockerd", "--config-file=/a"}) == "/a");
    CHECK(config_of({"dockerd", "--config-file"}).empty());
    CHECK(config_of({"/etc/-c", "--configure=/a", "x"}) == "the default");
}
