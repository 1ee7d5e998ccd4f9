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

bool may_open_block_device(const std::string& rules) {
    return confinement(R"({"linux":{"resources":{"devices":[)" + rules + "]}}}").may_open_block_device;
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
    CHECK(!with_namespaces(R"({"type":"user","path":"/proc/1/ns/user"})").user_namespace);
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

TEST_CASE("device rules: whether any block device may be opened") {
    const std::string deny_all = R"({"allow":false,"access":"rwm"})";
    CHECK(!may_open_block_device(deny_all));
    CHECK(!may_open_block_device(deny_all + R"(,{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"})"));
    CHECK(may_open_block_device(deny_all + R"(,{"allow":true,"type":"b","major":8,"minor":0,"access":"r"})"));
    CHECK(may_open_block_device(deny_all + R"(,{"allow":true,"access":"rwm"})"));
    CHECK(may_open_block_device(deny_all + R"(,{"allow":true,"type":"a"})"));
    CHECK(!may_open_block_device(R"({"allow":true},)" + deny_all));
    CHECK(may_open_block_device(R"({"allow":true},{"allow":false,"type":"b","major":8,"minor":0})"));
    CHECK(may_open_block_device(R"({"allow":true,"type":"b"},{"allow":false,"type":"c"})"));
    CHECK(!may_open_block_device(""));
    CHECK(confinement("{}").may_open_block_device); // nothing denies them
}

TEST_CASE("what engines write") {
    const auto podman = confinement(test::fixture("config-podman-4.3.1-crun-cgroupfs.json"));
    CHECK(podman.pid == PidNamespace::own);
    CHECK(!podman.user_namespace);
    CHECK(podman.unbounded_by == "");
    CHECK(!podman.may_open_block_device);
}

TEST_CASE("what is malformed is an error") {
    for (const std::string config :
         {"", R"({"linux":[]})", R"({"linux":{"namespaces":{}}})", R"({"linux":{"namespaces":[{}]}})",
          R"({"process":{"capabilities":[]}})", R"({"linux":{"resources":{"devices":[{"allow":1}]}}})",
          R"({"process":{"capabilities":{"bounding":[1]}}})"}) {
        CAPTURE(config);
        const auto read = read_confinement(config);
        REQUIRE(!read);
        CHECK(read.error().code == Code::malformed_input);
    }
}
