// SPDX-License-Identifier: Apache-2.0
// Which walls a container may start without. With one that has no root file system, so that none can be had but those
// of its cgroup.
#include "hooks/walls.h"

#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/segment_records.h"
#include "support/child.h"
#include "support/failing_call.h"
#include "support/fake_container.h"
#include "support/scratch_cgroup.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>

using namespace bulkhead;
using hook::Walls;
using oci::Key;
using oci::Resource;
using test::asked;
using test::ScratchCgroup;

namespace {

class Box {
public:
    Box() : container_(process_.pid()) { container_.spec.root = directory_.path("no-root"); }

    Result<Walls> prepare(const policy::Plan& plan) { return Walls::prepare(plan, config, container_.get(), disks_); }
    void warn(Resource resource) { config.on_error.warn[static_cast<std::size_t>(resource)] = true; }
    Result<void> put_up(Walls& walls) { return walls.put_up(container_.get(), disks_, segments_); }
    Result<void> take_down(Walls& walls) { return walls.take_down(disks_, segments_); }
    [[nodiscard]] pid_t pid() const { return process_.pid(); }
    test::FakeContainer& container() { return container_; }

    policy::Config config;

private:
    test::TemporaryDirectory directory_;
    test::IdleProcess process_;
    test::FakeContainer container_;
    ledger::DiskRecords disks_{directory_.path("disk"), directory_.path("state")};
    ledger::SegmentRecords segments_{directory_.path("state")};
};

policy::Plan everything() {
    policy::Plan plan;
    plan.shm_size = asked(Key::shm_size, 1U << 20U);
    plan.disk_size = asked(Key::disk_size, 1U << 30U);
    policy::SegmentPlan segment;
    segment.asked.options.path = "/x";
    plan.segments.push_back(segment);
    return plan;
}

} // namespace

TEST_CASE("a wall that cannot be had is an error, unless the config says warn (root only)" *
          doctest::skip(geteuid() != 0)) {
    Box box;
    CHECK(!box.prepare(everything()));
    box.warn(Resource::shm);
    CHECK(!box.prepare(everything()));
    box.warn(Resource::disk);
    CHECK(!box.prepare(everything()));
    box.warn(Resource::segment);
    const auto walls = box.prepare(everything());
    REQUIRE(walls);
    REQUIRE(walls->left_out().size() == 3);
    CHECK(walls->left_out()[0].resource == Resource::shm);
    CHECK(walls->left_out()[0].reason.starts_with("io.bulkhead.shm-size=\"1048576\": container root: open "));
    CHECK(walls->left_out()[1].resource == Resource::segment);
    CHECK(walls->left_out()[2].resource == Resource::disk);
    ledger::Receipt receipt;
    walls->write_into(receipt);
    CHECK(receipt.left_out.size() == 3);
    CHECK(!receipt.shm);
    CHECK(!receipt.disk);
    CHECK(receipt.segments.empty());
}

TEST_CASE("of a cgroup's limits only those are left out that cannot be had (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    Box box;
    const ScratchCgroup cgroup("pids");
    REQUIRE(cgroup.take(box.pid()));
    policy::Plan plan;
    plan.cgroup = {asked(Key::memory_max, 65536), asked(Key::pids_max, 50)}; // it uses more memory than that
    if (cgroup.place().version == sys::CgroupVersion::v1) {
        plan.cgroup[0] = asked(Key::memory_high, 1U << 20U); // v1 has none
    }
    CHECK(!box.prepare(plan));
    box.warn(Resource::cgroup);
    auto walls = box.prepare(plan);
    REQUIRE(walls);
    REQUIRE(walls->left_out().size() == 1);
    CHECK(walls->left_out()[0].resource == Resource::cgroup);
    ledger::Receipt receipt;
    walls->write_into(receipt);
    REQUIRE(receipt.cgroup.size() == 1);
    CHECK(receipt.cgroup[0].file == "pids.max");
}

TEST_CASE("of a wall that fails half-way and cannot be taken back the receipt must stay (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    Box box;
    const ScratchCgroup cgroup("pids");
    REQUIRE(cgroup.take(box.pid()));
    box.warn(Resource::cgroup);
    policy::Plan plan;
    plan.cgroup = {asked(Key::pids_max, 50), asked(Key::pids_max, 40)}; // two writes
    for (const bool stuck : {false, true}) {
        CAPTURE(stuck);
        auto walls = box.prepare(plan);
        REQUIRE(walls);
        {
            const test::FailingCall failing(SYS_write, EBUSY, 1, stuck ? -1 : 1);
            CHECK(box.put_up(*walls).has_value() == !stuck);
        }
        CHECK(box.take_down(*walls).has_value() == !stuck);
        CHECK(cgroup.read("pids.max") == (stuck ? "50" : "max"));
    }
}
