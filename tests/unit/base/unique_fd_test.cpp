// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/unique_fd.h"

#include "support/descriptor.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <type_traits>
#include <unistd.h>

using namespace bulkhead;
using test::is_open;

namespace {
int new_descriptor() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
} // namespace

TEST_CASE("a UniqueFd closes at the end of its life") {
    const int number = new_descriptor();
    {
        const UniqueFd fd(number);
        CHECK(fd.valid());
        CHECK(fd.borrow().number() == number);
        CHECK(is_open(number));
    }
    CHECK(!is_open(number));
}

TEST_CASE("an empty UniqueFd is not valid and closes nothing") {
    const bool was_open = is_open(STDIN_FILENO);
    UniqueFd fd;
    CHECK(!fd.valid());
    fd.reset();
    CHECK(!fd.valid());
    CHECK(!UniqueFd(-1).valid());
    CHECK(is_open(STDIN_FILENO) == was_open);
}

TEST_CASE("moving leaves an empty one behind and keeps the descriptor open") {
    const int number = new_descriptor();
    UniqueFd first(number);
    const UniqueFd second(std::move(first));
    CHECK(!first.valid()); // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    CHECK(second.borrow().number() == number);
    CHECK(is_open(number));
}

TEST_CASE("assigning over an open one closes it, once") {
    const int old_number = new_descriptor();
    const int new_number = new_descriptor();
    UniqueFd target(old_number);
    UniqueFd source(new_number);
    target = std::move(source);
    CHECK(!is_open(old_number));
    CHECK(is_open(new_number));
    CHECK(target.borrow().number() == new_number);
    CHECK(!source.valid()); // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
    const UniqueFd reused(new_descriptor());
    CHECK(reused.borrow().number() == old_number);
    target.reset();
    source.reset(); // NOLINT(bugprone-use-after-move)
    CHECK(is_open(old_number));
}

TEST_CASE("assigning to itself changes nothing") {
    const int number = new_descriptor();
    UniqueFd fd(number);
    UniqueFd& same = fd;
    fd = std::move(same);
    CHECK(fd.borrow().number() == number);
    CHECK(is_open(number));
}

TEST_CASE("reset closes once, also when the number is somebody else's by then") {
    const int number = new_descriptor();
    UniqueFd fd(number);
    fd.reset();
    CHECK(!fd.valid());
    const UniqueFd reused(new_descriptor());
    REQUIRE(reused.borrow().number() == number);
    fd.reset();
    CHECK(is_open(number));
}

TEST_CASE("release gives up ownership") {
    int number = -1;
    {
        UniqueFd fd(new_descriptor());
        number = fd.release();
        CHECK(!fd.valid());
    }
    CHECK(is_open(number));
    ::close(number);
}

TEST_CASE("closing keeps errno, even where it fails") {
    const int number = new_descriptor();
    UniqueFd fd(number);
    ::close(number);
    errno = ENOTDIR;
    fd.reset();
    CHECK(errno == ENOTDIR);
}

TEST_CASE("a UniqueFd cannot be copied") {
    CHECK(!std::is_copy_constructible_v<UniqueFd>);
    CHECK(!std::is_copy_assignable_v<UniqueFd>);
    CHECK(std::is_nothrow_move_constructible_v<UniqueFd>);
}
