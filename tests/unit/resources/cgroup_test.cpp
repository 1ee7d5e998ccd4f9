// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/cgroup.h"

#include "support/child.h"
#include "support/failing_call.h"
#include "support/fake_container.h"
#include "support/scratch_cgroup.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using oci::Key;
using resources::CgroupLimits;
using resources::CgroupWrite;
using test::asked;
using test::FailingCall;
using test::FakeContainer;
using test::ScratchCgroup;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

// A container of one idle process in a cgroup of its own.
class InCgroup {
public:
    explicit InCgroup(const std::string& controller)
        : cgroup(controller), placed_(cgroup.take(process.pid())), container(process.pid()) {
        CHECK(placed_);
    }
    InCgroup(const InCgroup&) = delete;
    InCgroup& operator=(const InCgroup&) = delete;
    ~InCgroup() { process.end(); }

    [[nodiscard]] CgroupLimits prepare(const std::vector<oci::Setting>& settings) const {
        auto limits = CgroupLimits::prepare(settings, config, container.get());
        CAPTURE((limits ? "" : limits.error().what));
        REQUIRE(limits);
        return *std::move(limits);
    }
    [[nodiscard]] Error refusal(const std::vector<oci::Setting>& settings) const {
        const auto limits = CgroupLimits::prepare(settings, config, container.get());
        REQUIRE(!limits);
        return limits.error();
    }

    policy::CgroupConfig config;
    ScratchCgroup cgroup;
    test::IdleProcess process;

private:
    bool placed_;

public:
    FakeContainer container;
};

CgroupWrite pids_write(const ScratchCgroup& cgroup, const std::string& old_value, const std::string& new_value) {
    return {.place = cgroup.place(),
            .inode = cgroup.inode(),
            .file = "pids.max",
            .old_value = old_value,
            .new_value = new_value};
}

} // namespace

TEST_CASE("nothing asked for: nothing is looked at") {
    const FakeContainer self(::getpid());
    const FailingCall failing(SYS_openat, EIO);
    auto limits = CgroupLimits::prepare({}, {}, self.get());
    REQUIRE(limits);
    CHECK(limits->record().empty());
    CHECK(limits->apply());
    CHECK(limits->undo());
    CHECK(FailingCall::seen() == 0);
}

TEST_CASE("a container in our own cgroup, or in none, cannot be limited") {
    const FakeContainer self(::getpid());
    const auto refused = CgroupLimits::prepare({asked(Key::pids_max, 1000)}, {}, self.get());
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::unsupported);
    const auto place = sys::find_cgroup(test::read_file("/proc/self/cgroup"), "pids");
    CHECK(refused.error().what ==
          "io.bulkhead.pids-max=\"1000\": " + (place ? "the container has no cgroup of its own (it is in " +
                                                           in_quotes(place->path) + "); let the engine make one"
                                                     : "the kernel has no pids cgroup controller"));
}

TEST_CASE("a cgroup that cannot be looked at is an error") {
    const FakeContainer self(::getpid());
    const FailingCall failing(SYS_openat, EIO);
    CHECK(CgroupLimits::prepare({asked(Key::pids_max, 5)}, {}, self.get()).error().number == EIO);
    CHECK(!resources::memory_limit_in_force(self.get()));
}

TEST_CASE("pids: tightened, remembered and taken back (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    const InCgroup box("pids");
    auto limits = box.prepare({asked(Key::pids_max, 50)});
    REQUIRE(limits.record().size() == 1);
    const auto& write = limits.record()[0];
    CHECK((write.place == box.cgroup.place()));
    CHECK(write.inode == box.cgroup.inode());
    CHECK(write.file == "pids.max");
    CHECK(write.old_value == "max");
    CHECK(write.new_value == "50");
    CHECK(limits.notes().empty());
    CHECK(box.cgroup.read("pids.max") == "max"); // prepare() writes nothing
    REQUIRE(limits.apply());
    CHECK(box.cgroup.read("pids.max") == "50");
    CHECK(limits.undo());
    CHECK(box.cgroup.read("pids.max") == "max");
    REQUIRE(box.cgroup.write("pids.max", "60"));
    CHECK(limits.undo()); // twice is as good as once
    CHECK(box.cgroup.read("pids.max") == "60");
}

TEST_CASE("pids: what cannot be undone is told (root, cgroup pids)" * doctest::skip(!ScratchCgroup::possible("pids"))) {
    const InCgroup box("pids");
    auto limits = box.prepare({asked(Key::pids_max, 50)});
    REQUIRE(limits.apply());
    const FailingCall failing(SYS_openat, EMFILE);
    const auto undone = limits.undo();
    REQUIRE(!undone);
    CHECK(undone.error().number == EMFILE);
}

TEST_CASE("release: what cannot be looked at is not taken for gone (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    const ScratchCgroup cgroup("pids");
    const FailingCall failing(SYS_openat, EMFILE);
    const auto released = resources::release_cgroup({pids_write(cgroup, "max", "50")});
    REQUIRE(!released);
    CHECK(released.error().number == EMFILE);
}

TEST_CASE("pids: the engine's tighter value stays and is told (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    const InCgroup box("pids");
    REQUIRE(box.cgroup.write("pids.max", "20"));
    const auto above = box.prepare({asked(Key::pids_max, 50)});
    CHECK(above.record().empty());
    CHECK((above.notes() == std::vector<std::string>{"io.bulkhead.pids-max=\"50\": kept at the engine's 20"}));
    const auto equal = box.prepare({asked(Key::pids_max, 20)});
    CHECK(equal.record().empty());
    CHECK(equal.notes().empty());
    CHECK(box.prepare({asked(Key::pids_max, 19)}).record().size() == 1);
}

TEST_CASE("pids: less than is in use is refused before anything is written (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    const InCgroup box("pids");
    const test::IdleProcess second;
    REQUIRE(box.cgroup.take(second.pid()));
    CHECK(box.prepare({asked(Key::pids_max, 2)}).record().size() == 1);
    const auto error = box.refusal({asked(Key::pids_max, 1)});
    CHECK(error.code == Code::busy);
    CHECK(error.what == "io.bulkhead.pids-max=\"1\": the container already uses 2, the runtime's own threads included; "
                        "ask for more");
    CHECK(box.cgroup.read("pids.max") == "max");
}

TEST_CASE("pids: a write that the kernel refuses is told with its value (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    const InCgroup box("pids");
    auto limits = box.prepare({asked(Key::pids_max, 50)});
    {
        const FailingCall failing(SYS_write, EBUSY);
        const auto applied = limits.apply();
        REQUIRE(!applied);
        CHECK(applied.error().code == Code::busy);
        CHECK(applied.error().what == "io.bulkhead.pids-max=\"50\": write 50 to pids.max: Device or resource busy");
    }
    {
        const FailingCall failing(SYS_write, EIO);
        CHECK(limits.apply().error().code == Code::system);
    }
    CHECK(limits.undo());
    CHECK(box.cgroup.read("pids.max") == "max");
}

TEST_CASE("release: the old value comes back only where all is as it was left (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    const ScratchCgroup cgroup("pids");
    const auto write = pids_write(cgroup, "max", "50");
    REQUIRE(cgroup.write("pids.max", "50"));
    auto other_cgroup = write;
    other_cgroup.inode += 1;
    CHECK(resources::release_cgroup({other_cgroup}));
    CHECK(cgroup.read("pids.max") == "50");
    {
        const test::IdleProcess process;
        REQUIRE(cgroup.take(process.pid()));
        CHECK(resources::release_cgroup({write}));
        CHECK(cgroup.read("pids.max") == "50");
    }
    REQUIRE(cgroup.write("pids.max", "51"));
    CHECK(resources::release_cgroup({write}));
    CHECK(cgroup.read("pids.max") == "51");
    REQUIRE(cgroup.write("pids.max", "50"));
    CHECK(resources::release_cgroup({write}));
    CHECK(cgroup.read("pids.max") == "max");
    CHECK(resources::release_cgroup({write}));
    CHECK(cgroup.read("pids.max") == "max");
}

TEST_CASE("release: the last write is taken back first (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    const ScratchCgroup cgroup("pids");
    REQUIRE(cgroup.write("pids.max", "50"));
    CHECK(resources::release_cgroup({pids_write(cgroup, "max", "60"), pids_write(cgroup, "60", "50")}));
    CHECK(cgroup.read("pids.max") == "max");
}

namespace {
Result<void> release_at(const std::string& path, sys::CgroupVersion version) {
    return resources::release_cgroup(
        {{.place = {version, "memory", path}, .inode = 1, .file = "memory.max", .old_value = "max", .new_value = "1"}});
}
} // namespace

TEST_CASE("release: a cgroup that is gone is nothing to do; one that cannot be looked at is an error") {
    CHECK(resources::release_cgroup({}));
    CHECK(release_at("/bulkhead-unit-gone", sys::CgroupVersion::v1));
    CHECK(release_at("/bulkhead-unit-gone", sys::CgroupVersion::v2));
    for (const std::string path : {"/../outside", "relative", ""}) {
        CHECK(release_at(path, sys::CgroupVersion::v2).error().code == Code::unsupported);
    }
}

TEST_CASE("memory on v1: whole pages, the swap kept, all taken back (root, cgroup v1 memory)" *
          doctest::skip(!ScratchCgroup::possible_on_v1("memory"))) {
    const InCgroup box("memory");
    const auto unlimited = box.cgroup.read("memory.limit_in_bytes");
    auto limits = box.prepare({asked(Key::memory_max, (64 * mebibyte) + 5)});
    REQUIRE(limits.record().size() == 1); // there was no limit on memory and swap together: nothing to keep
    CHECK(limits.record()[0].file == "memory.limit_in_bytes");
    CHECK(limits.record()[0].old_value == unlimited);
    CHECK(limits.record()[0].new_value == std::to_string(64 * mebibyte));
    CHECK(!resources::memory_limit_in_force(box.container.get()));
    REQUIRE(limits.apply());
    CHECK(box.cgroup.read("memory.limit_in_bytes") == std::to_string(64 * mebibyte));
    CHECK((resources::memory_limit_in_force(box.container.get()) == Bytes{64 * mebibyte}));
    CHECK((limits.memory_limit() == Bytes{64 * mebibyte}));
    CHECK(box.prepare({asked(Key::memory_max, (64 * mebibyte) + 5)}).record().empty());
    const auto above = box.prepare({asked(Key::memory_max, 65 * mebibyte)});
    CHECK(
        (above.notes() == std::vector<std::string>{"io.bulkhead.memory-max=\"68157440\": kept at the engine's 64Mi"}));
    CHECK(!above.memory_limit());
    CHECK(limits.undo());
    CHECK(box.cgroup.read("memory.limit_in_bytes") == unlimited);
}

TEST_CASE("memory on v1: less than is in use is refused (root, cgroup v1 memory)" *
          doctest::skip(!ScratchCgroup::possible_on_v1("memory"))) {
    const ScratchCgroup cgroup("memory");
    const test::IdleProcess eater([&] {
        if (!cgroup.take(::getpid())) {
            return false;
        }
        const std::size_t size = 16 * mebibyte;
        void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        return memory != MAP_FAILED;
    });
    REQUIRE(eater.ready());
    const FakeContainer container(eater.pid());
    const auto refused = CgroupLimits::prepare({asked(Key::memory_max, 8 * mebibyte)}, {}, container.get());
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::busy);
    CHECK(refused.error().what.starts_with("io.bulkhead.memory-max=\"8388608\": the container already uses "));
    CHECK(refused.error().what.ends_with(", the runtime's own memory included; ask for more"));
}

TEST_CASE("memory on v1: swap is limited together with memory (root, cgroup v1 memory with swap)" *
          doctest::skip(!ScratchCgroup::possible_on_v1("memory") ||
                        !ScratchCgroup("memory").has("memory.memsw.limit_in_bytes"))) {
    const InCgroup box("memory");
    const auto error = box.refusal({asked(Key::memory_swap_max, mebibyte)});
    CHECK(error.code == Code::unsupported);
    CHECK(error.what == "io.bulkhead.memory-swap-max=\"1048576\": cgroup v1 limits swap only together with memory; set "
                        "memory-max as well");
    auto both = box.prepare({asked(Key::memory_max, 64 * mebibyte), asked(Key::memory_swap_max, 16 * mebibyte)});
    REQUIRE(both.record().size() == 2);
    CHECK(both.record()[1].file == "memory.memsw.limit_in_bytes");
    CHECK(both.record()[1].new_value == std::to_string(80 * mebibyte));
    {
        const FailingCall failing(SYS_write, EIO, 1);
        CHECK(!both.apply());
    }
    CHECK(both.undo()); // only the first of them had been written
    const auto unlimited = box.cgroup.read("memory.limit_in_bytes");
    CHECK(unlimited == both.record()[0].old_value);
    REQUIRE(both.apply());
    CHECK(box.cgroup.read("memory.memsw.limit_in_bytes") == std::to_string(80 * mebibyte));
    // The engine's 16 MiB of swap stay 16 MiB where memory alone is lowered.
    auto lower = box.prepare({asked(Key::memory_max, 32 * mebibyte)});
    REQUIRE(lower.record().size() == 2);
    CHECK(lower.record()[1].new_value == std::to_string(48 * mebibyte));
    REQUIRE(lower.apply());
    CHECK(box.cgroup.read("memory.limit_in_bytes") == std::to_string(32 * mebibyte));
    CHECK(box.cgroup.read("memory.memsw.limit_in_bytes") == std::to_string(48 * mebibyte));
    CHECK(lower.undo());
    CHECK(both.undo());
    CHECK(box.cgroup.read("memory.limit_in_bytes") == unlimited);
    CHECK(box.cgroup.read("memory.memsw.limit_in_bytes") == both.record()[1].old_value);
}

TEST_CASE("what v1 has not is said to need v2 (root, cgroup v1 memory)" *
          doctest::skip(!ScratchCgroup::possible_on_v1("memory"))) {
    const InCgroup box("memory");
    for (const Key key : {Key::memory_high, Key::memory_low, Key::memory_oom_group}) {
        const auto error = box.refusal({asked(key, 1)});
        CHECK(error.code == Code::unsupported);
        CHECK(error.what == "io.bulkhead." + std::string(oci::info_of(key).name) +
                                "=\"1\": cgroup v1 has no such limit; it needs cgroup v2");
    }
}

TEST_CASE("a default is never above the engine's, and says nothing of it (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    InCgroup box("pids");
    REQUIRE(box.cgroup.write("pids.max", "20"));
    for (const bool may_raise : {false, true}) {
        box.config.allow_raise = may_raise;
        const auto limits = box.prepare({test::by_default(Key::pids_max, 50)});
        CHECK(limits.record().empty());
        CHECK(limits.notes().empty());
        CHECK(box.prepare({test::by_default(Key::pids_max, 10)}).record().size() == 1);
    }
}

TEST_CASE("memory-low: of a cgroup that is protected as a whole a default leaves that (root, cgroup v2 memory)" *
          doctest::skip(!ScratchCgroup::possible("memory") || ScratchCgroup::possible_on_v1("memory"))) {
    const InCgroup box("memory");
    REQUIRE(box.cgroup.write("memory.low", "max"));
    CHECK(box.prepare({test::by_default(Key::memory_low, mebibyte)}).record().empty());
    CHECK(box.prepare({asked(Key::memory_low, mebibyte)}).record().size() == 1);
}

TEST_CASE("allow-raise: what is asked for is what is set (root, cgroup pids)" *
          doctest::skip(!ScratchCgroup::possible("pids"))) {
    InCgroup box("pids");
    REQUIRE(box.cgroup.write("pids.max", "20"));
    CHECK(box.prepare({asked(Key::pids_max, 50)}).record().empty());
    box.config.allow_raise = true;
    auto limits = box.prepare({asked(Key::pids_max, 50)});
    CHECK(limits.notes().empty());
    REQUIRE(limits.apply());
    CHECK(box.cgroup.read("pids.max") == "50");
    CHECK(box.prepare({asked(Key::pids_max, 50)}).record().empty());
    CHECK(limits.undo());
    CHECK(box.cgroup.read("pids.max") == "20");
}

TEST_CASE("allow-raise on v1: memory and swap together go up first (root, cgroup v1 memory with swap)" *
          doctest::skip(!ScratchCgroup::possible_on_v1("memory") ||
                        !ScratchCgroup("memory").has("memory.memsw.limit_in_bytes"))) {
    InCgroup box("memory");
    auto engines = box.prepare({asked(Key::memory_max, 64 * mebibyte), asked(Key::memory_swap_max, 16 * mebibyte)});
    REQUIRE(engines.apply());
    box.config.allow_raise = true;
    auto raised = box.prepare({asked(Key::memory_max, 128 * mebibyte)});
    REQUIRE(raised.record().size() == 2);
    CHECK(raised.record()[0].file == "memory.memsw.limit_in_bytes");
    REQUIRE(raised.apply()); // the kernel refuses the other order
    CHECK(box.cgroup.read("memory.limit_in_bytes") == std::to_string(128 * mebibyte));
    CHECK(box.cgroup.read("memory.memsw.limit_in_bytes") == std::to_string(144 * mebibyte));
    CHECK(raised.undo());
    CHECK(box.cgroup.read("memory.memsw.limit_in_bytes") == std::to_string(80 * mebibyte));
    auto both = box.prepare({asked(Key::memory_max, 128 * mebibyte), asked(Key::memory_swap_max, 4 * mebibyte)});
    REQUIRE(both.apply());
    CHECK(box.cgroup.read("memory.memsw.limit_in_bytes") == std::to_string(132 * mebibyte));
    CHECK(both.undo());
    CHECK(engines.undo());
}
