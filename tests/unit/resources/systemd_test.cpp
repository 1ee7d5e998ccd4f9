// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/systemd.h"

#include "support/failing_call.h"
#include "support/fake_bus.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using resources::find_unit;

namespace {

struct Row {
    std::string what;
    std::string cgroup_path;
    std::string cgroups_path;
    std::string name; // empty: no unit
    std::string path;
};

} // namespace

TEST_CASE("the unit of a container's cgroup") {
    const std::string scope = "/machine.slice/libpod-0123.scope";
    const std::string systemd = "machine.slice:libpod:0123";
    const std::vector<Row> table{
        {"runc", scope, systemd, "libpod-0123.scope", scope},
        {"crun's leaf", scope + "/container", systemd, "libpod-0123.scope", scope},
        {"nested slices", "/kubepods.slice/kubepods-pod1.slice/cri-containerd-01.scope",
         "kubepods-pod1.slice:cri-containerd:01", "cri-containerd-01.scope",
         "/kubepods.slice/kubepods-pod1.slice/cri-containerd-01.scope"},
        {"cgroupsPath left out", "/system.slice/runc-0123.scope", "", "runc-0123.scope",
         "/system.slice/runc-0123.scope"},
        {"cgroupsPath left out, the caller's scope", "/user.slice/session-1.scope/0123", "", "", ""},
        {"cgroupsPath left out, no container's scope", "/user.slice/session-1.scope", "", "", ""},
        {"no prefix", "/system.slice/x.scope", "::x", "x.scope", "/system.slice/x.scope"},
        {"another container's scope", "/machine.slice/libpod-4567.scope", systemd, "", ""},
        {"a scope at the root", "/libpod-0123.scope", systemd, "libpod-0123.scope", "/libpod-0123.scope"},
        {"a scope in a scope", "/a.scope/libpod-0123.scope", systemd, "libpod-0123.scope",
         "/a.scope/libpod-0123.scope"},
        {"cgroupfs", "/libpod_parent/libpod-0123", "/libpod_parent/libpod-0123", "", ""},
        {"cgroupfs below a scope", "/user.slice/session-1.scope/libpod-0123", "/user.slice/session-1.scope/libpod-0123",
         "", ""},
        {"cgroupfs, one colon", scope, "/a:b", "", ""},
        {"cgroupfs, three colons", scope, "/a:b:c:d", "", ""},
        {"cgroupfs, below another's scope", scope + "/:libpod:0123", scope + "/:libpod:0123", "", ""},
        {"cgroupfs, the same from the runtime's own", scope + "/x:libpod:0123", "./x:libpod:0123", "", ""},
        {"podman's split cgroups", "/system.slice/x.service/libpod-payload-0123",
         "/system.slice/x.service/libpod-payload-0123", "", ""},
        {"a service", "/system.slice/x.service", systemd, "", ""},
        {"a slice", "/machine.slice", systemd, "", ""},
        {"two levels below", scope + "/container/sub", systemd, "", ""},
        {"a name that only begins so", "/machine.slice/x.scopes", systemd, "", ""},
        {"the root", "/", systemd, "", ""},
        {"nothing", "", systemd, "", ""},
    };
    for (const auto& row : table) {
        CAPTURE(row.what);
        const auto unit = find_unit(row.cgroup_path, row.cgroups_path, "0123");
        CHECK(unit.has_value() == !row.name.empty());
        CHECK((unit ? unit->name : "") == row.name);
        CHECK((unit ? unit->path : "") == row.path);
    }
}

namespace {

// "" where systemd is content.
std::string tell(const std::string& bus, Code& code) {
    const auto set = resources::set_unit_properties({.name = "x.scope", .path = "/x.scope"},
                                                    {{"MemoryMax", 1}, {"TasksMax", 2}}, bus);
    code = set ? Code{} : set.error().code;
    return set ? "" : set.error().what;
}

} // namespace

TEST_CASE("the unit is told each property, for this boot only") {
    test::FakeBus bus({.answer = test::FakeBus::message(2, 2, "")});
    Code code{};
    CHECK(tell(bus.path(), code) == "");
    bus.finish();
    for (const auto* word : {"org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                             "org.freedesktop.systemd1.Manager", "SetUnitProperties", "sba(sv)"}) {
        CHECK(bus.call().contains(std::string(word) + '\0'));
    }
    resources::DbusValues body;
    body.string("x.scope").uint32(1).uint32(56).align(8);
    body.string("MemoryMax").signature("t").uint64(1).string("TasksMax").signature("t").align(8).uint64(2);
    CHECK(bus.call().ends_with(body.bytes()));
}

TEST_CASE("without a bus the unit cannot be told, and the line says what to do") {
    const test::TemporaryDirectory directory;
    Code code{};
    CHECK(tell(directory.path("socket"), code) ==
          "with systemd's cgroup driver this needs D-Bus, and nobody listens at " + directory.path("socket") +
              "; install or start it (Debian: dbus)");
    CHECK(code == Code::unsupported);
}

TEST_CASE("what is not systemd's word is not told for it") {
    Code code{};
    test::FakeBus another({.login = "HTTP/1.1 400 Bad Request\r\n", .answer = {}});
    const auto no_bus = [](const test::FakeBus& bus) {
        return "with systemd's cgroup driver this needs D-Bus, and what answers at " + bus.path() +
               " does not speak it; start the system's bus there (Debian: dbus)";
    };
    CHECK(tell(another.path(), code) == no_bus(another));
    CHECK(code == Code::system);
    test::FakeBus garbage({.answer = std::string(64, 'x')});
    CHECK(tell(garbage.path(), code) == no_bus(garbage));
    CHECK(code == Code::system);
    test::FakeBus closed({.login = "REJECTED EXTERNAL\r\n", .answer = {}});
    CHECK(tell(closed.path(), code) == "systemd: the bus does not take root for root");
    CHECK(code == Code::system);
}

TEST_CASE("what systemd says to it, and what else keeps it from being told, is told as it is") {
    test::FakeBus bus({.answer = test::FakeBus::message(3, 2, "Unit x.scope not found.")});
    Code code{};
    CHECK(tell(bus.path(), code) == "systemd refused to change x.scope: Unit x.scope not found.");
    CHECK(code == Code::system);
    const test::FailingCall failing(SYS_socket, EMFILE);
    CHECK(tell(bus.path(), code) == "systemd: socket: Too many open files");
    CHECK(code == Code::system);
}
