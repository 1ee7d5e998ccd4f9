// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/records.h"

#include "support/failing_call.h"
#include "support/trusted_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using engines::Engine;
using engines::Records;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

// With the text that its "docker.json" has.
Result<Records> records_of(const std::string& text) {
    const test::TrustedDirectory state;
    state.write("configure/docker.json", text);
    for (const auto* const directory : {"", "configure"}) {
        CHECK(::chmod(state.path(directory).c_str(), 0700) == 0);
    }
    CHECK(::chmod(state.path("configure/docker.json").c_str(), 0600) == 0);
    return Records::open(state.path(), Engine::docker, engines::Access::read);
}

std::string with_file(const std::string& members, const std::string& version = "1") {
    return R"({"formatVersion": )" + version + R"(, "files": [{"path": "/etc/docker/daemon.json", )" + members + "}]}";
}

} // namespace

TEST_CASE("what there was before configure" * root_only) {
    const auto records = records_of(with_file(R"("before": null, "after": "{}", "madeDirectory": true)"));
    REQUIRE_MESSAGE(records, records.error().what);
    const auto* const record = records->find("/etc/docker/daemon.json");
    REQUIRE(record != nullptr);
    CHECK(record->before == std::nullopt);
    CHECK(record->after == "{}");
    CHECK(record->made_directory);
    CHECK(records_of(with_file(R"("before": "", "after": null)"))->find("/etc/docker/daemon.json")->before == "");
}

TEST_CASE("of a record that cannot be written it is told where" * root_only) {
    const test::TrustedDirectory state;
    CHECK(::chmod(state.path().c_str(), 0700) == 0);
    auto records = Records::open(state.path(), Engine::docker, engines::Access::write);
    REQUIRE_MESSAGE(records, records.error().what);
    const test::FailingCall full(SYS_write, ENOSPC);
    const auto put = records->put({.path = "/etc/docker/daemon.json", .before = {}, .after = "{}"});
    REQUIRE_FALSE(put);
    CHECK(put.error().what == state.path("configure/docker.json") + ": write: No space left on device");
}

TEST_CASE("a record that is not what configure writes is none: --remove would delete a file that was there" *
          root_only) {
    for (const auto& text :
         {with_file(R"("before": 5, "after": "{}")"), with_file(R"("before": ["x"], "after": "{}")"),
          with_file(R"("before": "", "after": false)"), with_file(R"("before": "")"),
          with_file(R"("before": "", "after": "", "madeDirectory": "true")"),
          with_file(R"("before": "", "after": "")", R"("1")"), with_file(R"("before": "", "after": "")", "null"),
          with_file(R"("before": "", "after": "")", "[1]"), with_file(R"("before": "", "after": "")", "2"),
          std::string("[]"), std::string("{")}) {
        CAPTURE(text);
        const auto records = records_of(text);
        REQUIRE_FALSE(records);
        CHECK(records.error().what.find("is not what configure writes") != std::string::npos);
    }
}
