// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/limits_edit.h"

#include "support/fake_container.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using oci::Key;
using shim::limits_edit;
using shim::SpecEdit;
using sys::CgroupVersion;
using test::asked;
using test::by_default;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

struct Case {
    policy::Outlook outlook;
    oci::EngineWords words;
    oci::Spec spec;
    CgroupVersion cgroups = CgroupVersion::v2;

    Case& wants(const oci::Setting& setting) {
        outlook.plan.cgroup.push_back(setting);
        return *this;
    }
    Case& engine_has(Key key, std::uint64_t value) {
        words.limits[static_cast<std::size_t>(key)] = value;
        return *this;
    }
    [[nodiscard]] SpecEdit edit() const {
        return limits_edit(outlook, {.words = words, .spec = spec, .cgroups = cgroups});
    }
};

} // namespace

TEST_CASE("what is tighter than the engine's is written, what is not is left") {
    const auto edit = Case()
                          .wants(asked(Key::memory_max, 64 * mebibyte))
                          .wants(asked(Key::pids_max, 100))
                          .engine_has(Key::memory_max, 128 * mebibyte)
                          .engine_has(Key::pids_max, 50)
                          .edit();
    CHECK(edit.memory_limit == 64 * mebibyte);
    CHECK(!edit.memory_swap);
    CHECK(!edit.pids_limit);
    CHECK(edit.unified.empty());
    CHECK(!edit.shm_size);
    CHECK(edit.hook.empty());
}

TEST_CASE("allow-raise lets an annotation be above the engine's, not a default") {
    Case one;
    one.outlook.config.cgroup.allow_raise = true;
    one.engine_has(Key::pids_max, 50).wants(asked(Key::pids_max, 100));
    CHECK(one.edit().pids_limit == 100);
    one.outlook.plan.cgroup = {by_default(Key::pids_max, 100)};
    CHECK(!one.edit().pids_limit);
}

TEST_CASE("the OCI's swap is memory and swap together") {
    Case memory;
    memory.engine_has(Key::memory_max, 128 * mebibyte).engine_has(Key::memory_swap_max, 8 * mebibyte);
    memory.wants(asked(Key::memory_max, 64 * mebibyte));
    CHECK(memory.edit().memory_swap == 72 * mebibyte);
    memory.wants(asked(Key::memory_swap_max, mebibyte));
    CHECK(memory.edit().memory_swap == 65 * mebibyte);
    Case alone;
    alone.wants(asked(Key::memory_swap_max, mebibyte));
    CHECK(!alone.edit().memory_swap);
    CHECK(alone.edit().unified == std::map<std::string, std::string>{{"memory.swap.max", "1048576"}});
    alone.cgroups = CgroupVersion::v1;
    CHECK(alone.edit().unified.empty());
    alone.engine_has(Key::memory_max, 16 * mebibyte);
    CHECK(alone.edit().memory_swap == 17 * mebibyte);
}

TEST_CASE("what only cgroup v2 has goes into its files, and nowhere on v1") {
    Case one;
    one.wants(asked(Key::memory_high, mebibyte))
        .wants(asked(Key::memory_low, 2 * mebibyte))
        .wants(asked(Key::memory_oom_group, 1));
    CHECK(one.edit().unified ==
          std::map<std::string, std::string>{{"memory.high", "1048576"}, {"memory.low", "2097152"}});
    CHECK(one.edit().oom_kill);
    one.cgroups = CgroupVersion::v1;
    CHECK(one.edit().unified.empty());
    CHECK(!one.edit().oom_kill);
    Case off;
    off.wants(asked(Key::memory_oom_group, 0));
    CHECK(!off.edit().oom_kill);
}

TEST_CASE("the size of /dev/shm, where the runtime mounts it") {
    Case one;
    one.outlook.plan.shm_size = asked(Key::shm_size, mebibyte);
    CHECK(!one.edit().shm_size);
    one.spec.dev_shm.kind = oci::MountKind::tmpfs;
    CHECK(one.edit().shm_size == mebibyte);
    one.spec.dev_shm.kind = oci::MountKind::foreign;
    CHECK(!one.edit().shm_size);
    one.spec.dev_shm.kind = oci::MountKind::tmpfs;
    one.outlook.plan.shm_size = by_default(Key::shm_size, mebibyte); // which makes nothing larger
    CHECK(!one.edit().shm_size);
}
