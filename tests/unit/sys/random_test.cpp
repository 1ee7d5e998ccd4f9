// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/random.h"

#include "support/failing_call.h"

#include <doctest/doctest.h>
#include <set>
#include <sys/syscall.h>

using namespace bulkhead;

TEST_CASE("numbers below a limit, all of them, and none above") {
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 1000; ++i) {
        seen.insert(sys::random_below(5).value());
    }
    CHECK(seen == std::set<std::uint32_t>{0, 1, 2, 3, 4});
    CHECK(sys::random_below(1).value() == 0);
    const test::FailingCall failing(SYS_getrandom, ENOSYS);
    CHECK(sys::random_below(5).error().number == ENOSYS);
}
