// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/owner.h"

#include "support/child.h"
#include "support/failing_call.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>

using namespace bulkhead;
using ledger::Owner;

TEST_CASE("a container lives while its process does, in this boot") {
    const test::IdleProcess process;
    Owner owner;
    owner.process = sys::Process::open(process.pid())->identity();
    owner.boot_id = sys::boot_id().value();
    CHECK(ledger::is_alive(owner).value());
    auto changed = owner;
    changed.boot_id.back() = changed.boot_id.back() == '0' ? '1' : '0';
    CHECK(!ledger::is_alive(changed).value());
    changed.boot_id = "";
    CHECK(!ledger::is_alive(changed).value());
    changed = owner;
    changed.process.start_time += 1;
    CHECK(!ledger::is_alive(changed).value());
    {
        const test::FailingCall failing(SYS_openat, EMFILE);
        CHECK(ledger::is_alive(owner).error().number == EMFILE);
    }
    process.become_zombie();
    CHECK(!ledger::is_alive(owner).value());
}
