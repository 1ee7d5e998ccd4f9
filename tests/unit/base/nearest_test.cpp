// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/nearest.h"

#include <array>
#include <doctest/doctest.h>
#include <string>

using bulkhead::nearest;

TEST_CASE("the nearest of known words, or none") {
    constexpr std::array<std::string_view, 4> known{"disk", "defaults", "max", "runtime"};
    CHECK(nearest("disks", known) == "disk");
    CHECK(nearest("Disk", known) == "disk");
    CHECK(nearest("default", known) == "defaults");
    CHECK(nearest("mx", known) == "max");
    CHECK(nearest("timerun", known) == "");
    CHECK(nearest("segment", known) == "");
    CHECK(nearest("", known) == "");
    CHECK(nearest("x", {}) == "");
    CHECK(nearest(std::string(1'000'000, 'x'), known) == "");
}
