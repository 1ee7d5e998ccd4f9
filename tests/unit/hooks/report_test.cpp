// SPDX-License-Identifier: Apache-2.0
#include "hooks/report.h"

#include "support/child.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using hook::Report;

namespace {

struct Said {
    int status = -1;
    std::string error_output;
};

// What Report::failure says on stderr and returns. Nothing reaches a log of this machine.
Said failure(const Report& report, const Error& error) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path("stderr");
    const pid_t child = ::fork();
    if (child == 0) {
        const test::FailingCall no_log(SYS_socket, EACCES);
        ::dup2(::open(path.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
        ::_exit(report.failure(error));
    }
    const int status = test::wait_for(child);
    return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .error_output = test::read_file(path)};
}

} // namespace

TEST_CASE("a failure is one line on stderr and its code") {
    const test::TemporaryDirectory directory;
    Report report(directory.path("state"));
    auto said = failure(report, {.code = Code::bad_config, .number = 0, .what = "reason\nsecond"});
    CHECK(said.status == 78);
    CHECK(said.error_output == "bulkhead: reason?second\n");
    CHECK(!directory.has("state"));
    report.about("web", hook::Stage::create_runtime);
    said = failure(report, {.code = Code::busy, .number = 0, .what = "in use"});
    CHECK(said.status == 75);
    CHECK(said.error_output == "bulkhead: web: in use\n");
}

TEST_CASE("nothing is written to a file that is open for appending: a tenant may have named it") {
    const test::TemporaryDirectory directory;
    const auto path = directory.path("script");
    CHECK(test::in_child([&](test::Findings& findings) {
              const test::FailingCall no_log(SYS_socket, EACCES);
              ::dup2(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0700), STDERR_FILENO);
              const Report report(directory.path("state"));
              findings.expect(report.failure({.code = Code::busy, .number = 0, .what = "$(id)"}) == 75, "code");
          }) == "");
    CHECK(directory.read("script").empty());
}

TEST_CASE("a failure's line has at most 500 bytes and its end") {
    const Report report("/no/such/directory");
    const auto said = failure(report, {.code = Code::internal, .number = 0, .what = std::string(5000, 'x')});
    CHECK(said.status == 70);
    CHECK(said.error_output.size() == 501);
    CHECK(said.error_output.ends_with("x...\n"));
}

TEST_CASE("a failure of a known container is kept for the operator (root only)" * doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory directory;
    Report report(directory.path("state"));
    report.about("web", hook::Stage::create_runtime);
    failure(report, {.code = Code::busy, .number = 0, .what = "in use"});
    REQUIRE(directory.has("state/errors"));
    const std::filesystem::directory_iterator files(directory.path("state/errors"));
    REQUIRE(files != end(files));
    const auto text = test::read_file(files->path());
    CHECK(text.contains("bulkhead: web: in use"));
    CHECK(text.contains("createRuntime"));
    CHECK(text.contains("75"));
}

TEST_CASE("a stderr that nobody reads changes nothing") {
    const test::FailingCall failing(SYS_write, EPIPE);
    const Report report("/no/such/directory");
    CHECK(report.failure({.code = Code::system, .number = EIO, .what = "x"}) == 71);
}
