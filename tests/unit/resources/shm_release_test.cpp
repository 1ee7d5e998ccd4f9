// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/shm.h"

#include "support/shm_box.h"

using namespace bulkhead;
using namespace bulkhead::test;
using resources::release_shm;
using resources::ShmRecord;

TEST_CASE("release: nothing recorded, or nothing there, is nothing to do") {
    CHECK(release_shm({}));
    CHECK(release_shm({.source = "/no/such/place", .device = 1, .old_size = Bytes{1}, .new_size = Bytes{2}}));
    const test::TemporaryDirectory directory; // a plain directory where the tmpfs was
    CHECK(release_shm({.source = directory.path(), .device = 1, .old_size = Bytes{1}, .new_size = Bytes{2}}));
}

TEST_CASE("release: the old size comes back only where all is as it was left (root, mounts of its own)" *
          needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.engines_shm();
              auto shm = box.prepare(8 * mebibyte);
              box.apply(shm);
              const auto expect = [&](const ShmRecord& record, std::string_view size) {
                  findings.expect(release_shm(record).has_value(), "it failed");
                  findings.expect_equal(tmpfs_at(box.host()), size);
              };
              auto changed = shm.record();
              changed.device += 1; // another tmpfs on the same place
              expect(changed, "8388608");
              changed = shm.record();
              changed.shared = true;
              expect(changed, "8388608");
              changed = shm.record();
              changed.new_size = Bytes{9 * mebibyte}; // somebody resized it after us
              expect(changed, "8388608");
              changed = shm.record();
              changed.source = box.host("/sub"); // no mount root
              std::filesystem::create_directory(changed.source);
              expect(changed, "8388608");
              std::filesystem::remove(changed.source);
              test::write_file(box.host("/file"), std::string(5 * mebibyte, 'x'));
              expect(shm.record(), "5242880/8388608");
              std::filesystem::remove(box.host("/file"));
              expect(shm.record(), four_mebibytes);
              expect(shm.record(), four_mebibytes);
          }) == "");
}
