// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/release.h"

#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace bulkhead;
using ledger::Receipt;

TEST_CASE("an id that has a later owner is theirs, and one whose disk is not there is told (root only)" *
          doctest::skip(geteuid() != 0)) {
    const test::TemporaryDirectory directory;
    Receipt receipt;
    receipt.id = "web";
    receipt.bundle = "/b";
    receipt.boot_id = "boot";
    receipt.disk = {.filesystem = "no-such-uuid", .id = 7, .upper = "/no/such/upper"};
    const resources::DiskHold hold{
        .filesystem = "no-such-uuid", .id = 7, .upper = "/no/such/upper", .found = {}, .limits = {}, .alive = false};
    const auto& owner = static_cast<const ledger::Owner&>(receipt);
    auto later = owner;
    later.process.pid = 12;
    ledger::SegmentRecords segments(directory.path("state"));
    ledger::DiskRecords theirs(directory.path("lib"), directory.path("state"), later);
    REQUIRE(theirs.remember(hold));
    CHECK(ledger::release(receipt, theirs, segments));
    CHECK(theirs.read("no-such-uuid", 7).value());
    ledger::DiskRecords ours(directory.path("lib"), directory.path("state"), owner);
    REQUIRE(ours.remember(hold));
    const auto released = ledger::release(receipt, ours, segments);
    REQUIRE(!released);
    CHECK(released.error().what.starts_with("disk: the disk no-such-uuid is not mounted"));
    CHECK(ours.read("no-such-uuid", 7).value());
}

TEST_CASE("releasing what is not there any more is success, again and again") {
    const test::TemporaryDirectory directory;
    ledger::SegmentRecords segments(directory.path("state"));
    ledger::DiskRecords disks(directory.path("lib"), directory.path("state"));
    Receipt receipt;
    receipt.shm = {
        .source = "/no/such/place", .device = 1, .old_size = Bytes{4096}, .new_size = Bytes{8192}, .shared = false};
    receipt.cgroup.push_back({.place = {.version = sys::CgroupVersion::v2, .controller = "pids", .path = "/no/such"},
                              .inode = 1,
                              .file = "pids.max",
                              .old_value = "max",
                              .new_value = "1"});
    receipt.disk = {.filesystem = "0123", .id = 7, .upper = "/no/such/upper"};
    CHECK(ledger::release(receipt, disks, segments));
    CHECK(ledger::release(receipt, disks, segments));
    CHECK(ledger::release(Receipt{}, disks, segments));
    CHECK(!directory.has("lib"));
}
