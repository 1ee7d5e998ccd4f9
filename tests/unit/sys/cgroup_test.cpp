// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/cgroup.h"

#include "support/child.h"
#include "support/failing_call.h"
#include "support/scratch_cgroup.h"
#include "support/temporary_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using sys::Cgroup;
using sys::CgroupPlace;
using sys::CgroupVersion;

namespace {

const std::string pure_v2 = "0::/system.slice/x.service\n";
const std::string pure_v1 = "12:memory:/docker/abc\n11:cpuset:/c\n10:cpu,cpuacct:/cc\n9:pids:/p\n"
                            "8:net_cls,net_prio:/n\n1:name=systemd:/init.scope\n";
const std::string hybrid = pure_v1 + "0::/unified/place\n";
const std::string v2_first = "0::/unified/place\n5:pids:/p\n";

struct Row {
    std::string text;
    std::string controller;
    std::optional<CgroupPlace> expected;
};

std::optional<CgroupPlace> v1(std::string controller, std::string path) {
    return CgroupPlace{CgroupVersion::v1, std::move(controller), std::move(path)};
}
std::optional<CgroupPlace> v2(std::string controller, std::string path) {
    return CgroupPlace{CgroupVersion::v2, std::move(controller), std::move(path)};
}

// Cgroup::open in a root directory where /sys/fs/cgroup holds plain directories.
std::string open_in_fake_root(const CgroupPlace& place, std::string_view expected) {
    const test::TemporaryDirectory root;
    std::filesystem::create_directories(root.path("sys/fs/cgroup/memory/a/b"));
    std::filesystem::create_directories(root.path("sys/fs/cgroup/unified/a/b"));
    return test::in_child([&](test::Findings& findings) {
        findings.expect(::chroot(root.path().c_str()) == 0 && ::chdir("/") == 0, "chroot");
        const auto cgroup = Cgroup::open(place);
        findings.expect_equal(cgroup ? "opened" : cgroup.error().what, expected);
    });
}

} // namespace

TEST_CASE("the limit in a file; what is as much as no machine has is none") {
    CHECK(sys::parse_cgroup_limit("4096").value() == 4096);
    CHECK(sys::parse_cgroup_limit("0").value() == 0);
    CHECK(!sys::parse_cgroup_limit("max").value());
    CHECK(!sys::parse_cgroup_limit("9223372036854771712").value()); // v1, pages of 4 KiB
    CHECK(!sys::parse_cgroup_limit("9223372036854710272").value()); // and of 64 KiB
    CHECK(!sys::parse_cgroup_limit("most"));
}

TEST_CASE("find_cgroup over v2, v1 and both") {
    const std::vector<Row> table{
        {pure_v2, "memory", v2("memory", "/system.slice/x.service")},
        {pure_v2, "pids", v2("pids", "/system.slice/x.service")},
        {"0::/\n", "memory", v2("memory", "/")},
        {"0::/no-line-end", "memory", v2("memory", "/no-line-end")},
        {"0::/../x\n", "memory", v2("memory", "/../x")},
        {"0::/a:b:c\n", "memory", v2("memory", "/a:b:c")},
        {pure_v1, "memory", v1("memory", "/docker/abc")},
        {pure_v1, "cpu", v1("cpu", "/cc")},
        {pure_v1, "cpuacct", v1("cpuacct", "/cc")},
        {pure_v1, "cpuset", v1("cpuset", "/c")},
        {pure_v1, "net_prio", v1("net_prio", "/n")},
        {pure_v1, "pids", v1("pids", "/p")},
        {hybrid, "memory", v1("memory", "/docker/abc")},
        {hybrid, "io", v2("io", "/unified/place")},
        {v2_first, "pids", v1("pids", "/p")},
        {v2_first, "memory", v2("memory", "/unified/place")},
        {"3:memory:/a:b\n", "memory", v1("memory", "/a:b")},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CAPTURE(row.controller);
        CHECK((sys::find_cgroup(row.text, row.controller) == row.expected));
    }
}

TEST_CASE("the version that limits this process") {
    const auto place = sys::find_cgroup(test::read_file("/proc/self/cgroup"), "memory");
    CHECK(sys::own_cgroup_version() == (place ? place->version : CgroupVersion::v2));
    const test::FailingCall failing(SYS_openat, EMFILE);
    CHECK(sys::own_cgroup_version().error().number == EMFILE);
}

TEST_CASE("find_cgroup is not taken in by names that look alike") {
    const std::vector<Row> table{
        {"", "memory", std::nullopt},
        {"\n\n", "memory", std::nullopt},
        {"garbage\n", "memory", std::nullopt},
        {"1:memory\n", "memory", std::nullopt},
        {"4:cpuset:/c\n", "cpu", std::nullopt},
        {"4:memory2:/c\n", "memory", std::nullopt},
        {"4:xmemory:/c\n", "memory", std::nullopt},
        {"4:cpu,cpuacct:/c\n", "acct", std::nullopt},
        {"4:cpu,cpuacct:/c\n", "cpu,cpuacct", std::nullopt},
        {"1:name=systemd:/c\n", "systemd", std::nullopt},
        {"1:name=systemd:/memory:/x\n", "memory", std::nullopt},
        {"1:name=systemd:/pids\n", "pids", std::nullopt},
        {"1::/c\n", "memory", std::nullopt}, // an empty list is the unified hierarchy only as number 0
        {"00::/c\n", "memory", std::nullopt},
        {"4:memory2:/wrong\n5:memory:/right\n", "memory", v1("memory", "/right")},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        CHECK((sys::find_cgroup(row.text, row.controller) == row.expected));
    }
}

TEST_CASE("find_cgroup of a text that is cut off anywhere") {
    for (std::size_t size = 0; size <= hybrid.size(); ++size) {
        const std::string cut = hybrid.substr(0, size);
        static_cast<void>(sys::find_cgroup(cut, "memory"));
        static_cast<void>(sys::find_cgroup(cut, "systemd"));
    }
}

TEST_CASE("Cgroup::open refuses what lies outside") {
    for (const std::string path : {"", "x", "..", "/..", "/../x", "/a/..", "/a/../b", "/../../etc"}) {
        CAPTURE(path);
        for (const auto version : {CgroupVersion::v1, CgroupVersion::v2}) {
            const auto cgroup = Cgroup::open({version, "memory", path});
            REQUIRE(!cgroup);
            CHECK(cgroup.error().code == Code::unsupported);
            CHECK(cgroup.error().what == "the cgroup \"" + path + "\" lies outside this cgroup namespace");
        }
    }
}

TEST_CASE("Cgroup::open refuses directories that are no cgroups (chroot: root only)" * doctest::skip(geteuid() != 0)) {
    const std::string refusal = "no cgroup file system of the memory controller below /sys/fs/cgroup";
    for (const std::string path : {"/", "/a", "/a/b", "//a"}) {
        CAPTURE(path);
        const auto expected = path == "//a" ? "open /a: No such file or directory" : refusal;
        CHECK(open_in_fake_root({CgroupVersion::v1, "memory", path}, expected) == "");
        CHECK(open_in_fake_root({CgroupVersion::v2, "memory", path}, expected) == "");
    }
    CHECK(open_in_fake_root({CgroupVersion::v1, "memory", "/..a"}, "open ..a: No such file or directory") == "");
    CHECK(open_in_fake_root({CgroupVersion::v1, "pids", "/a"}, "open /sys/fs/cgroup/pids: No such file or directory") ==
          "");
}

TEST_CASE("Cgroup: read, write and emptiness of a real one (root, and a cgroup file system that can be written)" *
          doctest::skip(!test::ScratchCgroup::possible("pids"))) {
    const test::ScratchCgroup scratch("pids");
    const auto cgroup = Cgroup::open(scratch.place());
    REQUIRE(cgroup);
    CHECK(cgroup->inode() == scratch.inode());
    CHECK(cgroup->read("pids.max").value() == "max");
    REQUIRE(cgroup->write("pids.max", "17"));
    CHECK(cgroup->read("pids.max").value() == "17");
    CHECK(cgroup->empty().value());
    {
        const test::IdleProcess process;
        REQUIRE(scratch.take(process.pid()));
        CHECK(!cgroup->empty().value());
    }
    CHECK(cgroup->empty().value());
    const auto refused = cgroup->write("pids.max", "many");
    REQUIRE(!refused);
    CHECK(refused.error().number == EINVAL);
    CHECK(refused.error().what == "write many to pids.max: Invalid argument");
    CHECK(cgroup->read("no.such.file").error().number == ENOENT);
    CHECK(Cgroup::open(scratch.place("/gone")).error().number == ENOENT);
}

TEST_CASE("Cgroup::open keeps the errno of what failed") {
    const test::FailingCall failing(SYS_openat, EIO);
    const auto cgroup = Cgroup::open({CgroupVersion::v2, "memory", "/a"});
    REQUIRE(!cgroup);
    CHECK(cgroup.error().number == EIO);
    CHECK(cgroup.error().what == "open /sys/fs/cgroup: Input/output error");
}
