// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/plan.h"

#include <doctest/doctest.h>
#include <string>

using namespace bulkhead;
using oci::Key;
using policy::Plan;

TEST_CASE("a plan has every part once, in the order of the table") {
    const auto setting = [](Key key) { return oci::Setting{.key = key, .annotation = {}, .text = "TEXT", .file = {}}; };
    Plan plan{.shm_size = setting(Key::shm_size),
              .cgroup = {setting(Key::memory_max), setting(Key::pids_max)},
              .disk_size = setting(Key::disk_size),
              .disk_inodes = setting(Key::disk_inodes),
              .most_disk_inodes = {},
              .segments = {}};
    policy::SegmentPlan segment;
    segment.asked.key = Key::segment;
    plan.segments.push_back(segment);
    std::string keys;
    for (const auto& one : plan.all()) {
        keys.append(oci::info_of(one.key).name).append(" ");
    }
    CHECK(keys == "shm-size memory-max pids-max disk-size disk-inodes segment.NAME ");
    CHECK(plan.disk());
    CHECK(!plan.empty());
}

TEST_CASE("a plan with any part is not empty") {
    CHECK(Plan{}.empty());
    CHECK(Plan{}.all().empty());
    CHECK(!Plan{}.disk());
    Plan shm;
    shm.shm_size.emplace();
    Plan cgroup;
    cgroup.cgroup.emplace_back();
    Plan inodes;
    inodes.disk_inodes.emplace();
    Plan segments;
    segments.segments.emplace_back();
    for (const auto* plan : {&shm, &cgroup, &inodes, &segments}) {
        CHECK(!plan->empty());
        CHECK(plan->all().size() == 1);
        CHECK(plan->disk() == (plan == &inodes));
    }
}
