// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/shim.h"

#include <doctest/doctest.h>

// Up to Linux 5.17 anybody may start a program without a name.
TEST_CASE("without any argument, not even a name, it fails") { CHECK(bulkhead::shim::run({}) == 1); }
