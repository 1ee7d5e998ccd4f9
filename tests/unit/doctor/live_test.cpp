// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/live.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using doctor::Ids;

namespace {

const Ids ids{"0123abcd", "a-b", "web"};

Ids named(const std::string& cgroups) {
    Ids found;
    doctor::add_named(found, ids, cgroups);
    return found;
}

} // namespace

TEST_CASE("the containers that a cgroup may be of") {
    CHECK(named("0::/machine.slice/libpod-0123abcd.scope/container\n") == Ids{"0123abcd"});
    CHECK(named("0::/kubepods/pod1/0123abcd\n") == Ids{"0123abcd"});
    CHECK(named("9:pids:/docker/web\n1:name=systemd:/system.slice/docker-a-b.scope\n") == Ids{"a-b", "web"});
    CHECK(named("0::/user.slice/0123abcd-1/x0123abcd/a\n").empty());
    CHECK(named("").empty());
}

// A user's cgroups of 255 bytes have a hundred of these each, and there is no end of them.
TEST_CASE("of names that are no container's nothing is kept") {
    std::string part;
    while (part.size() < 250) {
        part += "a-";
    }
    Ids found;
    for (int process = 0; process < 100; ++process) {
        const auto mine = part + std::to_string(process);
        doctor::add_named(found, ids, "0::/" + mine + "/" + mine + "/x-web.scope\n");
    }
    CHECK(found == Ids{"web"});
}
