// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/confinement.h"

#include "support/fixture.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using oci::Confinement;
using oci::PidNamespace;
using oci::read_confinement;

namespace {

Confinement confinement(const std::string& config) {
    auto read = read_confinement(config);
    CAPTURE((read ? "" : read.error().what));
    REQUIRE(read);
    return *std::move(read);
}

Confinement with_namespaces(const std::string& list) {
    return confinement(R"({"linux":{"namespaces":[)" + list + "]}}");
}

std::string unbounded_by(const std::string& names) {
    return confinement(R"({"process":{"capabilities":{"bounding":[)" + names + "]}}}").unbounded_by;
}

bool may_write_block_device(const std::string& rules) {
    return confinement(R"({"linux":{"resources":{"devices":[)" + rules + "]}}}").may_write_block_device;
}

} // namespace

TEST_CASE("namespaces: what is made for the container, joined, or the host's") {
    CHECK(with_namespaces("").pid == PidNamespace::host);
    CHECK(with_namespaces(R"({"type":"mount"})").pid == PidNamespace::host);
    CHECK(with_namespaces(R"({"type":"pid"})").pid == PidNamespace::own);
    const auto joined = with_namespaces(R"({"type":"pid","path":"/proc/7/ns/pid"})");
    CHECK(joined.pid == PidNamespace::joined);
    CHECK(joined.pid_path == "/proc/7/ns/pid");
    CHECK(!with_namespaces("").user_namespace);
    CHECK(with_namespaces(R"({"type":"user"})").user_namespace);
    CHECK(with_namespaces(R"({"type":"user","path":"/proc/7/ns/user"})").user_namespace);
}

TEST_CASE("a pod's pid namespace, of a process in the user namespace that is joined") {
    const auto one_owner = [](const std::string& user, const std::string& pid) {
        return with_namespaces(R"({"type":"pid","path":")" + pid + R"("},{"type":"user","path":")" + user + R"("})")
            .pid_owner_in_user_namespace;
    };
    CHECK(one_owner("/proc/7/ns/user", "/proc/7/ns/pid"));
    CHECK(!one_owner("/proc/7/ns/user", "/proc/77/ns/pid"));
    CHECK(!one_owner("/proc/7/ns/user", ""));
    CHECK(!one_owner("", "/proc/7/ns/pid"));
    CHECK(!one_owner("", ""));
    // Names that somebody chose say nothing.
    CHECK(!one_owner("/run/netns/user", "/run/netns/pid"));
    CHECK(!with_namespaces(R"({"type":"pid","path":"/proc/7/ns/pid"},{"type":"user"})").pid_owner_in_user_namespace);
}

TEST_CASE("whether a system user of the node's is somebody in its user namespace") {
    const auto maps = [](const std::string& uids, const std::string& gids, const std::string& path = "") {
        return confinement(R"({"linux":{"namespaces":[{"type":"user","path":")" + path + R"("}],"uidMappings":[)" +
                           uids + R"(],"gidMappings":[)" + gids + "]}}")
            .maps_system_ids;
    };
    const std::string far = R"({"containerID":0,"hostID":100000,"size":65536})";
    CHECK(!maps(far, far));
    CHECK(!maps("", ""));
    CHECK(maps(R"({"containerID":0,"hostID":0,"size":4294967295})", far));
    CHECK(maps(far + R"(,{"containerID":65536,"hostID":999,"size":1})", far));
    CHECK(!maps(far + R"(,{"containerID":65536,"hostID":1000,"size":1})", far));
    CHECK(maps(far, R"({"containerID":0,"hostID":6,"size":1})"));
    CHECK(maps(R"({"containerID":0,"size":1})", far)); // 0, as the runtimes read it
    CHECK(maps(far, far, "/proc/7/ns/user"));
    CHECK(!read_confinement(R"({"linux":{"uidMappings":[{"hostID":-1}]}})"));
}

TEST_CASE("capabilities with which no filter holds anything, as either runtime reads their names") {
    CHECK(unbounded_by("") == "");
    CHECK(unbounded_by(R"("CAP_CHOWN","CAP_MKNOD","CAP_SYS_CHROOT","CAP_DAC_OVERRIDE")") == "");
    for (const std::string name : {"SYS_ADMIN", "DAC_READ_SEARCH", "SYS_MODULE", "SYS_RAWIO"}) {
        CHECK(unbounded_by(R"("CAP_CHOWN","CAP_)" + name + "\"") == "CAP_" + name);
        CHECK(unbounded_by("\"" + name + "\"") == "CAP_" + name);
    }
    CHECK(unbounded_by(R"("cap_sys_rawio")") == "CAP_SYS_RAWIO");
    CHECK(unbounded_by(R"("ALL")") == "CAP_SYS_ADMIN");
    CHECK(confinement("{}").unbounded_by == "");
}

TEST_CASE("device rules: whether any block device may be written to") {
    const std::string deny_all = R"({"allow":false,"access":"rwm"})";
    const auto after_all = [&](const std::string& rule) { return may_write_block_device(deny_all + "," + rule); };
    CHECK(!may_write_block_device(deny_all));
    CHECK(!after_all(R"({"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"})"));
    CHECK(!after_all(R"({"allow":true,"type":"c","access":"rwm"})"));
    CHECK(after_all(R"({"allow":true,"type":"b","major":8,"minor":0,"access":"rw"})"));
    CHECK(after_all(R"({"allow":true,"type":"b","major":8,"minor":0})"));
    CHECK(after_all(R"({"allow":true,"type":"b","major":-1,"minor":-1,"access":"w"})"));
    // To make a node of it, or to read, takes no label off.
    CHECK(!after_all(R"({"allow":true,"type":"b","access":"m"})"));
    CHECK(!after_all(R"({"allow":true,"type":"b","major":8,"minor":0,"access":"r"})"));
    CHECK(after_all(R"({"allow":true,"access":"rwm"})"));
    CHECK(after_all(R"({"allow":true,"type":"a"})"));
    CHECK(after_all(R"({"allow":true,"type":"a","access":"r"})")); // on cgroup v1
    CHECK(!may_write_block_device(R"({"allow":true},)" + deny_all));
    CHECK(!may_write_block_device(R"({"allow":true},{"allow":false,"type":"a","major":-1,"minor":-1})"));
    // What takes back less than all is not believed to.
    for (const std::string rule : {R"({"allow":false,"type":"b","major":8,"minor":0})", R"({"allow":false,"type":"b"})",
                                   R"({"allow":false,"type":"c"})", R"({"allow":false,"type":"a","access":"m"})",
                                   R"({"allow":false,"type":"a","major":8})", R"({"allow":false,"type":"a","minor":0})",
                                   R"({"allow":false,"type":"p"})"}) {
        CAPTURE(rule);
        CHECK(may_write_block_device(R"({"allow":true,"type":"b"},)" + rule));
    }
    CHECK(may_write_block_device("")); // crun denies nothing then
    CHECK(confinement("{}").may_write_block_device);
}

TEST_CASE("what engines write") {
    const auto podman = confinement(test::fixture("config-podman-4.3.1-crun-cgroupfs.json"));
    CHECK(podman.pid == PidNamespace::own);
    CHECK(!podman.user_namespace);
    CHECK(podman.unbounded_by == "");
    CHECK(!podman.may_write_block_device);
}

TEST_CASE("what is malformed is an error") {
    for (const std::string config :
         {"", R"({"linux":[]})", R"({"linux":{"namespaces":{}}})", R"({"linux":{"namespaces":[{}]}})",
          R"({"process":{"capabilities":[]}})", R"({"linux":{"resources":{"devices":[{"allow":1}]}}})",
          R"({"linux":{"resources":{"devices":[{"major":"8"}]}}})", R"({"linux":{"uidMappings":{}}})",
          R"({"process":{"capabilities":{"bounding":[1]}}})"}) {
        CAPTURE(config);
        const auto read = read_confinement(config);
        REQUIRE(!read);
        CHECK(read.error().code == Code::malformed_input);
    }
}

TEST_CASE("CAP_SYS_RESOURCE counts for a quota outside of a user namespace") {
    const auto may = [](const std::string& capability, const std::string& namespaces) {
        return confinement(R"({"linux":{"namespaces":[)" + namespaces +
                           R"(]},"process":{"capabilities":{"bounding":[")" + capability + "\"]}}}")
            .may_exceed_quotas;
    };
    CHECK(may("CAP_SYS_RESOURCE", R"({"type":"pid"})"));
    CHECK(may("sys_resource", ""));
    CHECK(may("ALL", ""));
    CHECK(!may("CAP_SYS_RESOURCE", R"({"type":"pid"},{"type":"user"})"));
    CHECK(!may("CAP_SYS_ADMIN", ""));
}
