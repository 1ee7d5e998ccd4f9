// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/container_path.h"

#include "support/descriptor.h"
#include "support/private_mounts.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace bulkhead;
using resources::make_directory;

TEST_CASE("make_directory makes it the container's root's, and says whose it is to make (root only)" *
          doctest::skip(geteuid() != 0)) {
    const sys::Process::Owner owner{.user = 1234, .group = 5678};
    const test::TemporaryDirectory directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
    REQUIRE(::mkdir(directory.path("theirs").c_str(), 0755) == 0);
    REQUIRE(::chown(directory.path("theirs").c_str(), 1234, 5678) == 0);
    REQUIRE(::chmod(directory.path("theirs").c_str(), 0555) == 0);
    const auto theirs = test::open_directory(directory.path("theirs"));
    CHECK(make_directory(theirs.borrow(), "x", owner, "theirs/x/y").value());
    CHECK(!make_directory(theirs.borrow(), "x", owner, "theirs/x/y").value());
    struct stat status{};
    REQUIRE(::stat(directory.path("theirs/x").c_str(), &status) == 0);
    CHECK(status.st_uid == 1234);
    CHECK(status.st_gid == 5678);

    REQUIRE(::mkdir(directory.path("ours").c_str(), 0755) == 0);
    const auto ours = test::open_directory(directory.path("ours"));
    const auto refused = make_directory(ours.borrow(), "x", owner, "ours/x/y");
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::unsupported);
    CHECK(refused.error().what == "/ours/x/y is not there, and what it would lie in is not the container's root "
                                  "user's to write; make the directory in the image");
    CHECK(make_directory(ours.borrow(), "no/x", owner, "x").error().code == Code::system);
}
