// SPDX-License-Identifier: Apache-2.0
#include "runtime/inventory/cgroup_use.h"

#include "support/child.h"
#include "support/scratch_cgroup.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <vector>

using namespace bulkhead;
using inventory::container_cgroups;
using inventory::memory_stat;
using sys::CgroupPlace;
using sys::CgroupVersion;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

std::string found(const std::string& path, const std::string& id,
                  const std::vector<resources::CgroupWrite>& written = {}) {
    return container_cgroups({.version = CgroupVersion::v2, .controller = "memory", .path = path}, id, written)
        .front()
        .path;
}

resources::CgroupWrite write_to(const std::string& path, const std::string& controller = "memory",
                                CgroupVersion version = CgroupVersion::v2) {
    resources::CgroupWrite write;
    write.place = {.version = version, .controller = controller, .path = path};
    return write;
}

template <typename... Cgroups>
std::vector<sys::Cgroup> open(const Cgroups&... cgroups) {
    std::vector<sys::Cgroup> opened;
    (opened.push_back(sys::Cgroup::open(cgroups.place()).value()), ...);
    return opened;
}

const char* memory_max_of(const test::ScratchCgroup& cgroup) {
    return cgroup.v1() ? "memory.limit_in_bytes" : "memory.max";
}

} // namespace

TEST_CASE("the container's cgroup is called after it, wherever below its process has got to") {
    CHECK(found("/machine.slice/libpod-0123.scope/container", "0123") == "/machine.slice/libpod-0123.scope");
    CHECK(found("/system.slice/docker-0123.scope", "0123") == "/system.slice/docker-0123.scope");
    CHECK(found("/kubepods/burstable/pod1/0123", "0123") == "/kubepods/burstable/pod1/0123");
    CHECK(found("/kubepods.slice/cri-containerd-0123.scope/init.scope", "0123") ==
          "/kubepods.slice/cri-containerd-0123.scope");
    CHECK(found("/0123", "0123") == "/0123");
    // Its own hierarchy cannot hide what lies outside of it.
    CHECK(found("/docker/0123/a/0123/b", "0123") == "/docker/0123");
    // Nothing is called after it.
    CHECK(found("/user.slice/user-0.slice/x", "0") == "/user.slice/user-0.slice/x");
    CHECK(found("/a/b0123/c", "0123") == "/a/b0123/c");
    CHECK(found("/", "0123") == "/");
}

TEST_CASE("the cgroup that limits were written to is the container's, whatever it is called") {
    CHECK(found("/a/b/c", "0123", {write_to("/a/b/c"), write_to("/a/b")}) == "/a/b");
    CHECK(found("/a/b/c", "0123", {write_to("/a/b", "pids"), write_to("/a", "memory", CgroupVersion::v1)}) == "/a/b/c");
    CHECK(found("/a/bc/0123/d", "0123", {write_to("/a/b")}) == "/a/bc/0123");
    CHECK(found("/a/b/0123", "0123", {write_to("/a/b/0123/d")}) == "/a/b/0123");
}

TEST_CASE("those below it down to its process come after it, a few of them") {
    const auto all = [](const std::string& path) {
        return container_cgroups({.version = CgroupVersion::v1, .controller = "pids", .path = path}, "0123", {});
    };
    const auto place = [](std::string path) { return CgroupPlace{CgroupVersion::v1, "pids", std::move(path)}; };
    CHECK(all("/m/libpod-0123.scope/container") ==
          std::vector{place("/m/libpod-0123.scope"), place("/m/libpod-0123.scope/container")});
    CHECK(all("/0123/a/b") == std::vector{place("/0123"), place("/0123/a"), place("/0123/a/b")});
    CHECK(all("/a/0123") == std::vector{place("/a/0123")});
    CHECK(all("/a/b") == std::vector{place("/a/b")});
    CHECK(all("/") == std::vector{place("/")});
    CHECK(all("/0123/1/2/3/4/5/6/7/8/9").size() == 8);
    CHECK(all("/0123/1/2/3/4/5/6/7/8/9").back() == place("/0123/1/2/3/4/5/6/7"));
}

TEST_CASE("memory.stat") {
    constexpr auto text = "anon 1\nfile_mapped 300\nfile 20\ninactive_file 4000\nbroken x\n";
    CHECK(memory_stat(text, "anon") == Bytes{1});
    CHECK(memory_stat(text, "file") == Bytes{20});
    CHECK(memory_stat(text, "inactive_file") == Bytes{4000});
    CHECK(memory_stat(text, "broken") == Bytes{0});
    CHECK(memory_stat(text, "ano") == Bytes{0});
    CHECK(memory_stat("", "anon") == Bytes{0});
}

TEST_CASE("what a process holds of memory (root only, with a memory controller)" *
          doctest::skip(!test::ScratchCgroup::possible("memory"))) {
    const test::ScratchCgroup cgroup("memory");
    CHECK(cgroup.write(memory_max_of(cgroup), "67108864"));
    const test::IdleProcess process([&] {
        if (!cgroup.take(::getpid())) {
            return false;
        }
        const auto map = [](int flags) {
            void* const place = ::mmap(nullptr, 8 * mebibyte, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
            std::fill_n(static_cast<volatile char*>(place), 8 * mebibyte, 1);
        };
        map(MAP_PRIVATE);
        map(MAP_SHARED);
        return true;
    });
    REQUIRE(process.ready());
    const auto use = inventory::memory_use(open(cgroup)).value();
    REQUIRE(use);
    CHECK(use->usage >= Bytes{16 * mebibyte});
    CHECK(use->usage <= Bytes{64 * mebibyte});
    CHECK(use->working_set >= Bytes{16 * mebibyte});
    CHECK(use->working_set <= use->usage);
    // The kernel adds up what each processor counts from time to time.
    CHECK(use->anon >= Bytes{6 * mebibyte});
    CHECK(use->anon <= Bytes{12 * mebibyte});
    CHECK(use->shmem >= Bytes{6 * mebibyte});
    CHECK(use->file >= use->shmem);
    CHECK(use->limit == Bytes{64 * mebibyte});
    CHECK(!use->high);
    CHECK(use->low == Bytes{0});
    CHECK(use->oom_group.has_value() != cgroup.v1());
}

TEST_CASE("how many processes there are (root only, with a pids controller)" *
          doctest::skip(!test::ScratchCgroup::possible("pids"))) {
    const test::ScratchCgroup cgroup("pids");
    CHECK(inventory::pids_use(open(cgroup)).value() == inventory::PidsUse{.used = Count{0}, .limit = {}});
    CHECK(cgroup.write("pids.max", "7"));
    const test::IdleProcess process([&] { return cgroup.take(::getpid()); });
    REQUIRE(process.ready());
    CHECK(inventory::pids_use(open(cgroup)).value() == inventory::PidsUse{.used = Count{1}, .limit = Count{7}});
}

TEST_CASE("the tightest limit holds, the container's or one below it (root only, with a memory controller)" *
          doctest::skip(!test::ScratchCgroup::possible("memory"))) {
    const test::ScratchCgroup scope("memory");
    const test::ScratchCgroup leaf(scope, "container");
    const auto limit = [&] { return inventory::memory_use(open(scope, leaf)).value().value().limit; };
    CHECK(!limit());
    CHECK(leaf.write(memory_max_of(leaf), "67108864"));
    CHECK(limit() == Bytes{64 * mebibyte});
    CHECK(scope.write(memory_max_of(scope), "134217728"));
    CHECK(limit() == Bytes{64 * mebibyte});
    CHECK(scope.write(memory_max_of(scope), "33554432"));
    CHECK(limit() == Bytes{32 * mebibyte});
}

TEST_CASE(
    "a leaf's pids limit holds, and all below the container's cgroup are counted (root only, with a pids controller)" *
    doctest::skip(!test::ScratchCgroup::possible("pids"))) {
    const test::ScratchCgroup scope("pids");
    const test::ScratchCgroup leaf(scope, "container");
    const test::ScratchCgroup other(scope, "other");
    CHECK(scope.write("pids.max", "2385"));
    CHECK(leaf.write("pids.max", "33"));
    const test::IdleProcess process([&] { return leaf.take(::getpid()); });
    const test::IdleProcess beside([&] { return other.take(::getpid()); });
    REQUIRE(process.ready());
    REQUIRE(beside.ready());
    CHECK(inventory::pids_use(open(scope, leaf)).value() == inventory::PidsUse{.used = Count{2}, .limit = Count{33}});
}

TEST_CASE("a cgroup without the controller holds nothing (root only, on cgroup v1)" *
          doctest::skip(!test::ScratchCgroup::possible_on_v1("pids"))) {
    const test::ScratchCgroup cgroup("pids");
    CHECK(!inventory::memory_use(open(cgroup)).value());
}
