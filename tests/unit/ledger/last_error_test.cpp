// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/last_error.h"

#include "runtime/oci/json.h"
#include "runtime/sys/file.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using ledger::remember_error;
using ledger::Store;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

std::string place_of(const std::string& id) {
    return "state/errors/" + std::to_string(ledger::short_hash(id) % 256) + ".json";
}

struct Fixture {
    test::TemporaryDirectory directory;
    Store store = Store::open_or_make(directory.path("state")).value();

    [[nodiscard]] std::size_t count() const {
        const std::filesystem::directory_iterator files(directory.path("state/errors"));
        return static_cast<std::size_t>(std::distance(begin(files), end(files)));
    }
};

} // namespace

TEST_CASE("the last error of a container is kept (root only)" * root_only) {
    const Fixture fixture;
    remember_error(fixture.store, "web", "createRuntime", Code::busy, "bulkhead: web: first");
    remember_error(fixture.store, "web", "createRuntime", Code::not_allowed, "bulkhead: web: no \"room\"");
    const auto text = fixture.directory.read(place_of("web"));
    const auto json = oci::JsonObject::parse(text, "");
    REQUIRE(json);
    CHECK(json->required_string("id").value() == "web");
    CHECK(json->required_string("stage").value() == "createRuntime");
    CHECK(json->required_string("line").value() == "bulkhead: web: no \"room\"");
    CHECK(json->find("code")->integer().value() == 77);
    CHECK(fixture.count() == 1);
}

// Two who wrote at once would make one file of both.
TEST_CASE("who cannot have the directory for himself keeps nothing (root only)" * root_only) {
    const Fixture fixture;
    remember_error(fixture.store, "web", "createRuntime", Code::busy, "first");
    const auto others = sys::open_at(sys::working_directory, fixture.directory.path("state/errors"), O_RDONLY);
    REQUIRE(sys::lock_exclusively(others.value().borrow(), 0));
    remember_error(fixture.store, "web", "createRuntime", Code::busy, "second");
    CHECK(ledger::recall_error(fixture.store, "web").value()->line == "first");
}

TEST_CASE("a thousand ids take 256 places (root only)" * root_only) {
    const Fixture fixture;
    for (int i = 0; i < 1000; ++i) {
        remember_error(fixture.store, "container-" + std::to_string(i), "poststop", Code::system, "line");
    }
    CHECK(fixture.count() <= 256);
    CHECK(fixture.count() > 200);
}

TEST_CASE("what is not UTF-8 is kept all the same (root only)" * root_only) {
    const Fixture fixture;
    remember_error(fixture.store, "web", "createRuntime", Code::busy, "\xff\xc3");
    const auto text = fixture.directory.read(place_of("web"));
    CHECK(oci::JsonObject::parse(text, "")->required_string("line").value() == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("failing to keep it is nobody's error (root only)" * root_only) {
    const Fixture fixture;
    for (const long number : {long{SYS_openat}, long{SYS_mkdirat}, long{SYS_write}, long{SYS_renameat2}}) {
        const test::FailingCall failing(number, ENOSPC);
        remember_error(fixture.store, "web", "createRuntime", Code::busy, "line");
    }
    CHECK(fixture.count() == 0);
    REQUIRE(::chmod(fixture.directory.path("state/errors").c_str(), 0777) == 0);
    remember_error(fixture.store, "web", "createRuntime", Code::busy, "line");
    CHECK(fixture.count() == 0);
}

TEST_CASE("the last error is recalled by whose it is, and by nobody else (root only)" * root_only) {
    const Fixture fixture;
    CHECK(!ledger::recall_error(fixture.store, "web").value());
    remember_error(fixture.store, "web", "createRuntime", Code::busy, "bulkhead: web: first");
    const auto error = ledger::recall_error(fixture.store, "web").value();
    REQUIRE(error);
    CHECK(error->id == "web");
    CHECK(error->stage == "createRuntime");
    CHECK(error->code == 75);
    CHECK(error->line == "bulkhead: web: first");
    CHECK(!ledger::recall_error(fixture.store, "db").value());
    std::string other = "a"; // an id that falls on the same place
    while (place_of(other) != place_of("web")) {
        other.append("a");
    }
    CHECK(!ledger::recall_error(fixture.store, other).value());
    fixture.directory.write(place_of("web"), "{}");
    CHECK(ledger::recall_error(fixture.store, "web").error().code == Code::malformed_input);
}
