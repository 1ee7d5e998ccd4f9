// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/splice.h"

#include <doctest/doctest.h>

using namespace bulkhead;

TEST_CASE("splices change their bytes and no other, in whatever order they come") {
    CHECK(spliced("abcdef", {}) == "abcdef");
    CHECK(spliced("abcdef", {{.at = 4, .size = 2, .text = ""}, {.at = 0, .size = 1, .text = "xyz"}}) == "xyzbcd");
    CHECK(spliced("ab", {{.at = 1, .size = 0, .text = "1"},
                         {.at = 1, .size = 0, .text = "2"},
                         {.at = 2, .size = 0, .text = "3"}}) == "a12b3");
}
