// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/listing.h"

#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <set>
#include <sys/syscall.h>

using namespace bulkhead;
using sys::list_directory;
using sys::Listing;

TEST_CASE("an empty directory has no names, and says so again") {
    const test::TemporaryDirectory directory;
    const auto opened = test::open_directory(directory.path());
    CHECK(list_directory(opened.borrow()).value().empty());
    Listing listing(test::open_directory(directory.path()));
    CHECK(!listing.next().value());
    CHECK(!listing.next().value());
    CHECK(listing.directory().number() >= 0);
}

TEST_CASE("every name once, though they are more than what is read at once, and odd ones as they are") {
    const test::TemporaryDirectory directory;
    std::set<std::string> expected{"...", ".hidden", "a b", "\xff\n", std::string(255, 'x')};
    for (int i = 0; i < 1500; ++i) {
        expected.insert("name-" + std::to_string(i));
    }
    for (const auto& name : expected) {
        directory.write(name, "");
    }
    const auto opened = test::open_directory(directory.path());
    for (int round = 0; round < 2; ++round) { // from its beginning each time
        const auto names = list_directory(opened.borrow()).value();
        CHECK(names.size() == expected.size());
        CHECK((std::set<std::string>(names.begin(), names.end()) == expected));
    }
}

TEST_CASE("what fails is told") {
    const test::TemporaryDirectory directory;
    directory.write("file", "");
    const UniqueFd file(::open(directory.path("file").c_str(), O_RDONLY | O_CLOEXEC));
    CHECK(list_directory(file.borrow()).error().number == ENOTDIR);
    const auto opened = test::open_directory(directory.path());
    const test::FailingCall failing(SYS_getdents64, EIO);
    const auto listed = list_directory(opened.borrow());
    REQUIRE(!listed);
    CHECK(listed.error().what == "read a directory: Input/output error");
    CHECK(listed.error().number == EIO);
}
