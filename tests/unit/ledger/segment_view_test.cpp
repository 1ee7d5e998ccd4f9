// SPDX-License-Identifier: Apache-2.0
// What is seen of segments is in inventory_test; here, that looking leaves nothing.
#include "runtime/ledger/segment_view.h"

#include "runtime/sys/call.h"
#include "support/segment_machine.h"

#include <sys/syscall.h>

using namespace bulkhead;
using test::Findings;
using test::holds;
using test::Machine;
using test::plan;

namespace {
// Leaves as soon as the directory of a scope is read.
struct Leaver {
    const Machine* machine = nullptr;
    const test::IdleProcess* process = nullptr;
};
Leaver leaver;

int leave_meanwhile(long number) {
    if (number == SYS_getdents64) {
        sys::intercept(nullptr);
        leaver.machine->leave(*leaver.process);
    }
    return 0;
}
} // namespace

TEST_CASE("the last member leaves while somebody looks, and who looks takes the rest along (root, mounts of its own)" *
          doctest::skip(!test::can_mount_privately())) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess process;
        leaver = {.machine = &machine, .process = &process};
        findings.expect_equal(machine.join(process, plan("size=1Mi")), "");
        sys::intercept(leave_meanwhile);
        const auto views = ledger::view_segments(machine.state());
        findings.expect(views.has_value(), "view");
        machine.expect_nothing_left();
        findings.expect_equal(machine.join(process, plan("size=1Mi")), "");
        sys::intercept(leave_meanwhile);
        findings.expect(machine.records(process).places().has_value(), "places");
        machine.expect_nothing_left();
    }));
}
