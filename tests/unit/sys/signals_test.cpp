// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/signals.h"

#include "runtime/sys/process.h"
#include "support/child.h"

#include <csignal>
#include <doctest/doctest.h>

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

TEST_CASE("what was ignored stays so") {
    CHECK(test::in_child([](test::Findings& findings) {
              ::signal(SIGHUP, SIG_IGN);
              const PostponedSignals signals;
              ::raise(SIGHUP);
              findings.expect(!PostponedSignals::any(), "noted");
          }) == "");
}
