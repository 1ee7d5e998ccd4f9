// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/process.h"

#include "support/child.h"
#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

using namespace bulkhead;
using std::chrono::milliseconds;
using sys::run_program;
using test::FailingCall;

namespace {

constexpr milliseconds plenty{20'000};

Result<sys::Outcome> shell(const std::string& script, milliseconds deadline = plenty) {
    return run_program({"/bin/sh", "-c", script}, deadline);
}

bool no_children_left() {
    const pid_t child = ::waitpid(-1, nullptr, WNOHANG);
    return child < 0 && errno == ECHILD;
}

// The line `name` of the output of `cat /proc/self/status`, as a hexadecimal number.
std::uint64_t signals(const std::string& status, const std::string& name) {
    const auto begin = status.find(name + ":\t");
    return begin == std::string::npos ? 1 : std::stoull(status.substr(begin + name.size() + 2, 16), nullptr, 16);
}

void spoil_process() {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    static_cast<void>(::signal(SIGPIPE, SIG_IGN));
    static_cast<void>(::signal(SIGCHLD, SIG_IGN));
    ::umask(0);
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

} // namespace

TEST_CASE("run_program gives the exit status and what was written") {
    auto outcome = shell("echo out; echo err >&2; exit 3");
    REQUIRE(outcome);
    CHECK(outcome->status == 3);
    CHECK(outcome->output == "out\nerr\n");
    CHECK(shell("exit 0")->status == 0);
    CHECK(shell("exit 0")->output == "");
    CHECK(shell("kill -9 $$")->status == -1);
    CHECK(no_children_left());
}

TEST_CASE("run_program passes arguments as they are") {
    const auto outcome = run_program({"/bin/sh", "-c", "printf '%s|' \"$@\"", "sh", "a b", "", "$HOME", "*"}, plenty);
    REQUIRE(outcome);
    CHECK(outcome->output == "a b||$HOME|*|");
}

TEST_CASE("run_program keeps the first 4 KiB of the output and reads the rest") {
    const auto outcome = shell("i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; exit 5");
    REQUIRE(outcome);
    CHECK(outcome->status == 5);
    CHECK(outcome->output.size() == 4096);
    CHECK(outcome->output.starts_with("0123456789\n0123456789\n"));
}

TEST_CASE("run_program kills what outlives the deadline and leaves no zombie") {
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = run_program({"/bin/sleep", "30"}, milliseconds(100));
    const auto took = std::chrono::steady_clock::now() - begin;
    REQUIRE(!outcome);
    CHECK(outcome.error().code == Code::busy);
    CHECK(outcome.error().what == "/bin/sleep did not answer within 100 ms");
    CHECK(took >= milliseconds(90));
    CHECK(took < milliseconds(10'000));
    CHECK(no_children_left());
}

TEST_CASE("run_program kills what writes on and on") {
    const auto outcome = shell("while :; do echo x; done", milliseconds(100));
    REQUIRE(!outcome);
    CHECK(outcome.error().code == Code::busy);
    CHECK(no_children_left());
}

TEST_CASE("run_program kills what closes its output and goes on") {
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = shell("exec >/dev/null 2>&1; exec /bin/sleep 5", milliseconds(200));
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK((!outcome && outcome.error().code == Code::busy));
    CHECK(took < milliseconds(4000));
    CHECK(no_children_left());
}

TEST_CASE("run_program tells a program that is not there, or none") {
    const auto missing = run_program({"/no/such/program"}, plenty);
    REQUIRE(!missing);
    CHECK(missing.error().number == ENOENT);
    CHECK(missing.error().what == "/no/such/program: No such file or directory");
    const test::TemporaryDirectory directory;
    directory.write("plain", "echo x\n");
    CHECK(run_program({directory.path("plain")}, plenty).error().number == EACCES);
    directory.write("garbage", "\x7f no program\n");
    std::filesystem::permissions(directory.path("garbage"), std::filesystem::perms::owner_all);
    CHECK(run_program({directory.path("garbage")}, plenty)->status == 127);
    CHECK(no_children_left());
}

TEST_CASE("run_program: the environment is empty and stdin has an end") {
    ::setenv("BULKHEAD_TEST_LEAK", "1", 1);
    CHECK(run_program({"/usr/bin/env"}, plenty)->output == "");
    CHECK(run_program({"/bin/cat"}, plenty)->output == "");
    ::unsetenv("BULKHEAD_TEST_LEAK");
}

TEST_CASE("run_program hands down no descriptor") {
    const UniqueFd leaked(::dup(0));
    const UniqueFd far(::fcntl(0, F_DUPFD, 200));
    REQUIRE((leaked.valid() && far.valid()));
    const auto outcome = run_program({"/bin/ls", "-l", "/proc/self/fd"}, plenty);
    REQUIRE(outcome);
    std::size_t lines = 0;
    for (auto at = outcome->output.find(" -> "); at != std::string::npos; at = outcome->output.find(" -> ", at + 1)) {
        ++lines;
    }
    CAPTURE(outcome->output);
    CHECK(lines == 4); // 0, 1, 2 and ls's own
    CHECK(outcome->output.contains("0 -> /dev/null"));
}

TEST_CASE("run_program after reset_process: no signal is blocked or SIGPIPE ignored") {
    CHECK(test::in_child([](test::Findings& findings) {
              spoil_process();
              findings.expect(sys::reset_process().has_value(), "reset_process");
              const auto outcome = run_program({"/bin/cat", "/proc/self/status"}, plenty);
              findings.expect(outcome && outcome->status == 0, "cat");
              const std::uint64_t ignored = signals(outcome->output, "SigIgn");
              findings.expect(signals(outcome->output, "SigBlk") == 0, "blocked signals");
              findings.expect((ignored >> (SIGPIPE - 1) & 1U) == 0, "SIGPIPE is ignored");
              findings.expect((ignored >> (SIGCHLD - 1) & 1U) == 0, "SIGCHLD is ignored");
          }) == "");
}

TEST_CASE("run_program keeps the errno of what failed, and leaves no descriptor") {
    UniqueFd probe(::dup(0));
    const int next = probe.borrow().number();
    probe.reset();
    const auto check = [](long number, int error, const std::string& what) {
        const FailingCall failing(number, error);
        const auto outcome = shell("exit 0");
        REQUIRE(!outcome);
        CHECK(outcome.error().number == error);
        CHECK(outcome.error().what == what);
    };
    check(SYS_faccessat, EACCES, "/bin/sh: Permission denied");
    check(SYS_pipe2, EMFILE, "pipe: Too many open files");
    check(SYS_openat, ENFILE, "open /dev/null: Too many open files in system");
    CHECK(!test::is_open(next));
}

TEST_CASE("pause lasts as long as it is told, and less than a second too") {
    for (const auto length : {milliseconds(0), milliseconds(30), milliseconds(1050)}) {
        const auto begin = std::chrono::steady_clock::now();
        sys::pause(length);
        const auto took = std::chrono::steady_clock::now() - begin;
        CHECK(took >= length);
        CHECK(took < length + milliseconds(10'000));
    }
}

TEST_CASE("pause is cut short by a signal") {
    CHECK(test::in_child([](test::Findings& findings) {
              static_cast<void>(::signal(SIGALRM, [](int) {}));
              ::alarm(1);
              const auto begin = std::chrono::steady_clock::now();
              sys::pause(plenty);
              findings.expect(std::chrono::steady_clock::now() - begin < plenty / 2, "it slept on");
          }) == "");
}

TEST_CASE("what run_program runs dies with whoever runs it") {
    const test::TemporaryDirectory directory;
    const auto pid_file = directory.path("pid");
    const pid_t runner = ::fork();
    if (runner == 0) {
        static_cast<void>(
            shell("echo $$ >" + pid_file + ".new; mv " + pid_file + ".new " + pid_file + "; exec sleep 60"));
        ::_exit(0);
    }
    for (int tries = 0; tries < 2000 && !std::filesystem::exists(pid_file); ++tries) {
        sys::pause(milliseconds(5));
    }
    const auto program = static_cast<pid_t>(std::stoi(test::read_file(pid_file)));
    CHECK(::kill(program, 0) == 0);
    ::kill(runner, SIGKILL);
    test::wait_for(runner);
    const auto is_there = [&] {
        std::ifstream status("/proc/" + std::to_string(program) + "/stat");
        std::string number;
        std::string name;
        std::string state;
        return status >> number >> name >> state && state != "Z" && state != "X";
    };
    for (int tries = 0; tries < 1000 && is_there(); ++tries) {
        sys::pause(milliseconds(5));
    }
    CHECK(!is_there());
}

TEST_CASE("reset_process undoes what a caller left") {
    CHECK(test::in_child([](test::Findings& findings) {
              spoil_process();
              findings.expect(::chdir("/proc") == 0, "chdir");
              findings.expect(sys::reset_process().has_value(), "it failed");
              const auto status = test::read_file("/proc/self/status");
              findings.expect(signals(status, "SigBlk") == 0, "blocked signals");
              findings.expect((signals(status, "SigIgn") >> (SIGPIPE - 1) & 1U) == 1, "SIGPIPE would kill us");
              findings.expect((signals(status, "SigIgn") >> (SIGCHLD - 1) & 1U) == 0, "SIGCHLD is ignored");
              findings.expect(::umask(0) == 022, "umask");
              findings.expect(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, "dumpable");
              findings.expect_equal(std::filesystem::current_path().string(), "/");
          }) == "");
}

TEST_CASE("reset_process tells what failed") {
    for (const long number : {long{SYS_prctl}, long{SYS_chdir}}) {
        CHECK(test::in_child([&](test::Findings& findings) {
                  const FailingCall failing(number, EIO);
                  const auto reset = sys::reset_process();
                  findings.expect(!reset && reset.error().number == EIO, "errno");
              }) == "");
    }
}
