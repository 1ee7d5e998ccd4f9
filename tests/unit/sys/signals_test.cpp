// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/signals.h"

#include "runtime/sys/process.h"
#include "support/child.h"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <string>
#include <unistd.h>

using namespace bulkhead;
using sys::PostponedSignals;

namespace {

std::string said_after_a_signal() {
    const auto outcome = sys::run_program({"/bin/sh", "-c", "kill -INT $$; echo lives"}, std::chrono::seconds(20));
    return outcome ? outcome->output : outcome.error().what;
}

} // namespace

TEST_CASE("a signal that is postponed ends the process once there is nothing to take back") {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        CAPTURE(signal);
        CHECK(test::in_child([&](test::Findings& findings) {
                  ::signal(signal, SIG_DFL);
                  {
                      const PostponedSignals signals;
                      findings.expect(!PostponedSignals::any(), "one that did not come");
                      ::raise(signal);
                      findings.expect(PostponedSignals::any(), "not noted");
                  }
                  findings.add("it lives on");
              }) == "child ended with wait status " + std::to_string(signal));
    }
}

TEST_CASE("programs are ended by signals, but for those that take back") {
    CHECK(test::in_child([](test::Findings& findings) {
              ::signal(SIGINT, SIG_DFL);
              const PostponedSignals signals;
              findings.expect_equal(said_after_a_signal(), "");
              PostponedSignals::keep_from_programs();
              ::raise(SIGINT); // is noted when it is over
              findings.expect_equal(said_after_a_signal(), "lives\n");
          }) == "child ended with wait status 2");
}

TEST_CASE("a program that is waited for is told to end") {
    for (const std::string script :
         {"exec sleep 30", "trap 'exit 0' TERM; sleep 30 & wait", "trap '' TERM; sleep 30"}) {
        CAPTURE(script);
        CHECK(test::in_child([&](test::Findings& findings) {
                  const PostponedSignals signals;
                  const pid_t us = ::getpid();
                  const test::IdleProcess teller(
                      [us] { return ::fork() != 0 || (::usleep(300'000), ::kill(us, SIGHUP), ::_exit(0), true); });
                  const auto began = std::chrono::steady_clock::now();
                  static_cast<void>(
                      sys::run_program({"/bin/sh", "-c", script + " >/dev/null 2>&1"}, std::chrono::seconds(60)));
                  findings.expect(std::chrono::steady_clock::now() - began < std::chrono::seconds(20), "it waited");
              }) == "child ended with wait status 1");
    }
}

TEST_CASE("what was ignored stays so") {
    CHECK(test::in_child([](test::Findings& findings) {
              ::signal(SIGHUP, SIG_IGN);
              const PostponedSignals signals;
              ::raise(SIGHUP);
              findings.expect(!PostponedSignals::any(), "noted");
          }) == "");
}

TEST_CASE("a signal is ignored for a while") {
    CHECK(test::in_child([](test::Findings& findings) {
              ::signal(SIGXFSZ, SIG_DFL);
              {
                  const sys::IgnoredSignal ignored(SIGXFSZ);
                  ::raise(SIGXFSZ);
              }
              findings.expect(::signal(SIGXFSZ, SIG_DFL) == SIG_DFL, "it still is");
          }) == "");
}

TEST_CASE("signals for work: children are told of, and no size of a file is a death") {
    CHECK(test::in_child([](test::Findings& findings) {
              ::signal(SIGCHLD, SIG_IGN);
              ::signal(SIGXFSZ, SIG_DFL);
              sys::set_signals_for_work();
              findings.expect(::signal(SIGCHLD, SIG_DFL) == SIG_DFL, "SIGCHLD");
              findings.expect(::signal(SIGXFSZ, SIG_IGN) == SIG_IGN, "SIGXFSZ");
          }) == "");
}
