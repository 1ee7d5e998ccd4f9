// SPDX-License-Identifier: Apache-2.0
// What is mounted for the whole node is mounted where PID 1 is. Here that is the test itself: in a pid namespace and
// mounts of its own.
#pragma once

#include "support/child.h"
#include "support/private_mounts.h"

#include <sched.h>
#include <string>
#include <sys/mount.h>

namespace bulkhead::test {

template <typename Body>
std::string as_init(Body body) {
    return in_private_mounts([&](Findings& findings) {
        if (::unshare(CLONE_NEWPID) != 0) {
            findings.add("no pid namespace");
            return;
        }
        findings.add(in_child([&](Findings& inner) { // the first process of the namespace
            inner.expect(::mount("proc", "/proc", "proc", 0, nullptr) == 0, "mount /proc");
            body(inner);
        }));
    });
}

// as_init() found nothing wrong. (What it found comes with line ends.)
inline bool is_well(const std::string& findings) { return findings.find_first_not_of('\n') == std::string::npos; }

} // namespace bulkhead::test
