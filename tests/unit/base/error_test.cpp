// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/error.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <memory>

using namespace bulkhead;

namespace {

Result<int> half(int number) {
    if (number % 2 != 0) {
        return fail(Code::busy, "odd");
    }
    return number / 2;
}

Result<int> quarter(int number) {
    TRY_ASSIGN(const auto once, half(number));
    TRY_ASSIGN(const auto twice, half(once));
    return twice;
}

Result<void> must_be_even(int number) {
    TRY(half(number));
    return {};
}

Result<std::unique_ptr<int>> make(int number) {
    TRY_ASSIGN(auto value, half(number));
    return std::make_unique<int>(value);
}

} // namespace

TEST_CASE("an Error gets its context in front, the outermost first") {
    const auto error = Error{.code = Code::busy, .number = EAGAIN, .what = "reason"}.in("inner").in("outer");
    CHECK(error.what == "outer: inner: reason");
    CHECK(error.code == Code::busy);
    CHECK(error.number == EAGAIN);
}

TEST_CASE("in_context changes an error and leaves a value alone") {
    const auto bad = in_context("file", Result<int>(fail(Code::internal, "reason")));
    REQUIRE(!bad);
    CHECK(bad.error().what == "file: reason");
    CHECK(bad.error().code == Code::internal);
    CHECK(in_context("file", Result<int>(7)).value() == 7);
}

TEST_CASE("fail carries no errno") {
    const auto failure = fail(Code::not_allowed, "no");
    CHECK(failure.error().number == 0);
    CHECK(failure.error().code == Code::not_allowed);
    CHECK(failure.error().what == "no");
}

TEST_CASE("fail_errno says the errno in words") {
    const auto failure = fail_errno(ENOENT, "open x");
    CHECK(failure.error().code == Code::system);
    CHECK(failure.error().number == ENOENT);
    CHECK(failure.error().what == "open x: No such file or directory");
    CHECK(fail_errno(99999, "open x").error().what == "open x: error 99999");
    CHECK(fail_errno(-1, "open x").error().what == "open x: error -1");
}

TEST_CASE("the exit codes are those of the manual") {
    CHECK(static_cast<int>(Code::invalid_annotation) == 64);
    CHECK(static_cast<int>(Code::malformed_input) == 65);
    CHECK(static_cast<int>(Code::unsupported) == 69);
    CHECK(static_cast<int>(Code::internal) == 70);
    CHECK(static_cast<int>(Code::system) == 71);
    CHECK(static_cast<int>(Code::busy) == 75);
    CHECK(static_cast<int>(Code::not_allowed) == 77);
    CHECK(static_cast<int>(Code::bad_config) == 78);
}

TEST_CASE("in_quotes shortens what is longer than 64 bytes") {
    const std::string longest(64, 'x');
    CHECK(in_quotes("") == "\"\"");
    CHECK(in_quotes("5Mi") == "\"5Mi\"");
    CHECK(in_quotes(longest) == "\"" + longest + "\"");
    CHECK(in_quotes(longest + "y") == "\"" + longest + "...\"");
    CHECK(in_quotes(std::string(100'000, 'x')).size() == 69);
}

TEST_CASE("TRY and TRY_ASSIGN leave with the error and go on with the value") {
    CHECK(quarter(8).value() == 2);
    CHECK(quarter(6).error().what == "odd");
    CHECK(quarter(3).error().code == Code::busy);
    CHECK(must_be_even(4).has_value());
    CHECK(must_be_even(5).error().what == "odd");
    CHECK(*make(10).value() == 5);
    CHECK(!make(11));
}
