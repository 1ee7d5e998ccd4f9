// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/program.h"

#include "support/made_up_root.h"

#include <doctest/doctest.h>

using namespace bulkhead;

TEST_CASE("where a program is that a package installs" * doctest::skip(!test::can_mount_privately())) {
    const test::MadeUpRoot root;
    root.program("/usr/local/bin/crun");
    root.program("/usr/sbin/runc");
    root.program("/usr/local/sbin/runc");
    root.program("/usr/bin/docker");
    root.change_mode("/usr/bin/docker", 0644);
    root.program("/usr/bin/podman/program"); // a directory of that name
    CHECK(root.enter([](test::Findings& findings) {
        for (const auto* const name : {"crun", "runc", "kata", "docker", "podman"}) {
            findings.add(engines::find_program(name).value_or("none"));
        }
    }) == "/usr/local/bin/crun\n/usr/sbin/runc\nnone\nnone\nnone\n");
}
