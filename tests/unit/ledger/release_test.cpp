// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/release.h"

#include "support/temporary_directory.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using ledger::Receipt;

TEST_CASE("releasing what is not there any more is success, again and again") {
    const test::TemporaryDirectory directory;
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
    CHECK(ledger::release(receipt, disks));
    CHECK(ledger::release(receipt, disks));
    CHECK(ledger::release(Receipt{}, disks));
    CHECK(!directory.has("lib"));
}
