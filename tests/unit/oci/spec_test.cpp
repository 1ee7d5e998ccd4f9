// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec.h"

#include "support/failing_call.h"
#include "support/fixture.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using oci::IpcNamespace;
using oci::MountKind;
using oci::parse_spec;

namespace {

struct Real {
    std::string file;
    std::string id;
    std::string layer;
    std::string cgroups_path; // before the id
};

// A config.json with `members` behind its root.
std::string config(const std::string& members) {
    return R"({"root":{"path":"/r"})" + (members.empty() ? "" : "," + members) + "}";
}

oci::Spec spec_with(const std::string& members) {
    auto spec = parse_spec(config(members), "/b");
    CAPTURE(members);
    REQUIRE(spec);
    return *std::move(spec);
}

std::string what_of(const std::string& text) {
    const auto spec = parse_spec(text, "/b");
    if (spec) {
        return "";
    }
    CHECK(spec.error().code == Code::malformed_input);
    return spec.error().what;
}

std::string mount(const std::string& destination, const std::string& type, const std::string& source) {
    return R"({"destination":")" + destination + R"(","type":")" + type + R"(","source":")" + source +
           R"(","options":["nosuid"]})";
}

std::string mounts(const std::vector<std::string>& list) {
    std::string text = "\"mounts\":[";
    for (const auto& entry : list) {
        text += (text.ends_with('[') ? "" : ",") + entry;
    }
    return text + "]";
}

std::string namespaces(const std::string& list) { return R"("linux":{"namespaces":[)" + list + "]}"; }

struct MountRow {
    std::vector<std::string> list;
    MountKind shm;
    std::string shm_source;
    MountKind dev;
};

} // namespace

TEST_CASE("the config.json that podman writes") {
    const std::vector<Real> table{
        {"podman-4.3.1-crun-cgroupfs", "b0", "a0", "/libpod_parent/libpod-"},
        {"podman-4.3.1-runc-systemd", "b1", "a1", "machine.slice:libpod:"},
        {"podman-5.4.2-crun-systemd", "b2", "a2", "machine.slice:libpod:"},
        {"podman-5.4.2-runc-cgroupfs", "b3", "a3", "/libpod_parent/libpod-"},
    };
    for (const auto& row : table) {
        CAPTURE(row.file);
        const auto id = test::repeated(row.id, 32);
        const auto spec = parse_spec(test::fixture("config-" + row.file + ".json"), "/bundle");
        REQUIRE(spec);
        CHECK(spec->root == "/var/lib/containers/storage/overlay/" + test::repeated(row.layer, 32) + "/merged");
        REQUIRE(spec->annotations.size() == 1);
        CHECK(spec->annotations[0].key == "io.bulkhead.shm-size");
        CHECK(spec->annotations[0].value == "128Mi");
        CHECK(spec->cgroups_path == row.cgroups_path + id);
        CHECK(spec->dev.kind == MountKind::tmpfs);
        CHECK(spec->dev_shm.kind == MountKind::foreign);
        CHECK(spec->dev_shm.source == "/var/lib/containers/storage/overlay-containers/" + id + "/userdata/shm");
        CHECK(spec->ipc == IpcNamespace::own);
    }
}

TEST_CASE("a config.json that is cut off anywhere is an error") {
    const auto text = test::fixture("config-podman-5.4.2-runc-cgroupfs.json");
    for (std::size_t size = 0; size < text.size(); ++size) {
        const std::string part = text.substr(0, size);
        if (parse_spec(part, "/b")) {
            CAPTURE(size);
            CHECK(false);
        }
    }
}

TEST_CASE("a config.json with a byte changed is no crash") {
    const auto text = test::fixture("config-podman-4.3.1-runc-systemd.json");
    for (const char byte : {'"', '\\', '{', ']', ',', '\0'}) {
        for (std::size_t at = 0; at < text.size(); at += 3) {
            std::string changed = text;
            changed[at] = byte;
            static_cast<void>(parse_spec(changed, "/b"));
        }
    }
}

TEST_CASE("root.path, absolute or from the bundle") {
    CHECK(parse_spec(R"({"root":{"path":"/r"}})", "/b")->root == "/r");
    CHECK(parse_spec(R"({"root":{"path":"rootfs"}})", "/b")->root == "/b/rootfs");
    CHECK(parse_spec(R"({"root":{"path":"../r"}})", "/b")->root == "/b/../r");
    CHECK(what_of("{}") == "root is missing");
    CHECK(what_of(R"({"root":null})") == "root is missing");
    CHECK(what_of(R"({"root":{}})") == "root.path is missing");
    CHECK(what_of(R"({"root":{"path":""}})") == "root.path is empty");
    CHECK(what_of(R"({"root":{"path":7}})") == "root.path is not a string");
    CHECK(what_of(R"({"root":"/r"})") == "root is not an object");
    CHECK(what_of(R"({"root":{"path":"a\u0000b"}})") == "root.path has a NUL character");
    CHECK(what_of(R"({"root":{"path":"/r"},"root":{"path":"/x"}})") == R"(JSON has the key "root" twice)");
}

TEST_CASE("annotations: ours and the engines', no others") {
    const auto spec = spec_with(R"("annotations":{"io.bulkhead.shm-size":"1","io.bulkhead.":"","org.x":"2",)"
                                R"("io\u002ebulkhead.typo":"3","io.kubernetes.cri-o.SandboxName":"n",)"
                                R"("io.kubernetes.cri-o.Created":"t","io.kubernetes.cri.container-name":"c",)"
                                R"("xio.bulkhead.a":"4","io.bulkhead":"5","IO.BULKHEAD.a":"6"})");
    std::string keys;
    for (const auto& annotation : spec.annotations) {
        keys += annotation.key + "=" + annotation.value + " ";
    }
    CHECK(keys == "io.bulkhead.= io.bulkhead.shm-size=1 io.bulkhead.typo=3 io.kubernetes.cri-o.SandboxName=n "
                  "io.kubernetes.cri.container-name=c ");
    CHECK(spec_with("").annotations.empty());
    CHECK(spec_with(R"("annotations":null)").annotations.empty());
    CHECK(what_of(config(R"("annotations":[])")) == "annotations is not an object");
    CHECK(what_of(config(R"("annotations":{"io.bulkhead.shm-size":1})")) ==
          "annotations.io.bulkhead.shm-size is not a string");
    CHECK(what_of(config(R"("annotations":{"io.bulkhead.shm-size":null})")) ==
          "annotations.io.bulkhead.shm-size is not a string");
    CHECK(what_of(config(R"("annotations":{"x":"1","x":"2"})")) == R"(annotations has the key "x" twice)");
    CHECK(spec_with(R"("annotations":{"org.x":1,"y":null})").annotations.empty());
}

TEST_CASE("what is mounted on /dev and /dev/shm, in the order of the mounts") {
    const auto dev = mount("/dev", "tmpfs", "tmpfs");
    const auto own = mount("/dev/shm", "tmpfs", "shm");
    const auto bind = mount("/dev/shm", "bind", "/run/sandbox/shm");
    const std::vector<MountRow> table{
        {{}, MountKind::none, "", MountKind::none},
        {{dev}, MountKind::none, "", MountKind::tmpfs},
        {{dev, own}, MountKind::tmpfs, "", MountKind::tmpfs},
        {{dev, bind}, MountKind::foreign, "/run/sandbox/shm", MountKind::tmpfs},
        {{dev, own, bind}, MountKind::foreign, "/run/sandbox/shm", MountKind::tmpfs},
        {{dev, bind, own}, MountKind::tmpfs, "", MountKind::tmpfs},
        {{own, dev}, MountKind::tmpfs, "", MountKind::tmpfs}, // the later /dev covers it
        {{bind, mount("/dev", "bind", "/dev")}, MountKind::foreign, "/dev", MountKind::foreign},
        {{own, mount("/", "bind", "/x")}, MountKind::foreign, "/x", MountKind::foreign},
        {{mount("/dev", "bind", "/dev")}, MountKind::none, "", MountKind::foreign},
        {{mount("/dev", "bind", "/dev"), own}, MountKind::tmpfs, "", MountKind::foreign},
        {{mount("//dev//shm/", "bind", "/x")}, MountKind::foreign, "/x", MountKind::none},
        {{mount("/dev/", "tmpfs", "t")}, MountKind::none, "", MountKind::tmpfs},
        {{mount("/dev/shm/sub", "bind", "/x"), mount("/dev/shmx", "bind", "/x"), mount("/x/dev/shm", "bind", "/x")},
         MountKind::none,
         "",
         MountKind::none},
        {{mount("/dev/shm", "", "/x")}, MountKind::foreign, "/x", MountKind::none},
        {{mount("/dev/shm", "ramfs", "/x")}, MountKind::foreign, "/x", MountKind::none},
        {{R"({"destination":"/dev/shm"})"}, MountKind::foreign, "", MountKind::none},
        {{R"({"destination":"/dev/shm","type":null,"source":null})"}, MountKind::foreign, "", MountKind::none},
    };
    for (const auto& row : table) {
        const auto members = mounts(row.list);
        CAPTURE(members);
        const auto spec = spec_with(members);
        CHECK(spec.dev_shm.kind == row.shm);
        if (row.shm == MountKind::foreign) {
            CHECK(spec.dev_shm.source == row.shm_source);
        }
        CHECK(spec.dev.kind == row.dev);
    }
}

TEST_CASE("a destination may be written in many ways and cannot leave the root") {
    const std::vector<std::string> shm{"dev/shm",          "//dev/shm",      "/dev/./shm/.",
                                       "/x/../dev/shm",    "/../../dev/shm", "../dev/shm///",
                                       "/dev/shm/sub/../", "./dev/shm",      "/dev/../dev/shm"};
    for (const auto& destination : shm) {
        CAPTURE(destination);
        const auto spec = spec_with(mounts({mount(destination, "bind", "/x")}));
        CHECK(spec.dev_shm.kind == MountKind::foreign);
        CHECK(spec.dev.kind == MountKind::none);
    }
    for (const std::string destination : {"dev", "/dev/.", "/dev/shm/..", "//dev//"}) {
        CAPTURE(destination);
        const auto spec = spec_with(mounts({mount(destination, "bind", "/x")}));
        CHECK(spec.dev_shm.kind == MountKind::none);
        CHECK(spec.dev.kind == MountKind::foreign);
    }
    for (const std::string destination : {"", "/", ".", "..", "//", "/./", "/dev/..", "dev/../.."}) {
        CAPTURE(destination);
        const auto spec = spec_with(mounts({mount("/dev/shm", "tmpfs", "shm"), mount(destination, "bind", "/x")}));
        CHECK(spec.dev_shm.kind == MountKind::foreign); // covered
        CHECK(spec.dev.kind == MountKind::foreign);
    }
    for (const std::string destination :
         {"/dev/shm.", "/dev/.shm", "/dev/...", "/dev shm", "/dev/shm/x", "/dev\\\\shm"}) {
        CAPTURE(destination);
        const auto spec = spec_with(mounts({mount(destination, "bind", "/x")}));
        CHECK(spec.dev_shm.kind == MountKind::none);
        CHECK(spec.dev.kind == MountKind::none);
    }
}

TEST_CASE("a bind mount is one whatever its type says, as runc and crun have it") {
    for (const std::string option : {"bind", "rbind"}) {
        const auto spec = spec_with(R"("mounts":[{"destination":"/dev/shm","type":"tmpfs","source":"/host/shm",)"
                                    R"("options":["nosuid",")" +
                                    option + R"("]}])");
        CHECK(spec.dev_shm.kind == MountKind::foreign);
        CHECK(spec.dev_shm.source == "/host/shm");
    }
}

TEST_CASE("mounts that are none") {
    CHECK(spec_with(R"("mounts":null)").dev_shm.kind == MountKind::none);
    CHECK(what_of(config(R"("mounts":{})")) == "mounts is not an array");
    CHECK(what_of(config(R"("mounts":[1])")) == "mounts[0] is not an object");
    CHECK(what_of(config(R"("mounts":[{}])")) == "mounts[0].destination is missing");
    CHECK(what_of(config(R"("mounts":[{"destination":"/a"},{"destination":"/b","type":7}])")) ==
          "mounts[1].type is not a string");
    CHECK(what_of(config(R"("mounts":[{"destination":"/b","source":[]}])")) == "mounts[0].source is not a string");
    CHECK(what_of(config(R"("mounts":[{"destination":"/a"},])")) == "mounts is malformed or cut off");
}

TEST_CASE("the IPC namespace") {
    CHECK(spec_with("").ipc == IpcNamespace::host);
    CHECK(spec_with(R"("linux":null)").ipc == IpcNamespace::host);
    CHECK(spec_with(R"("linux":{})").ipc == IpcNamespace::host);
    CHECK(spec_with(namespaces("")).ipc == IpcNamespace::host);
    CHECK(spec_with(namespaces(R"({"type":"pid"},{"type":"mount"})")).ipc == IpcNamespace::host);
    CHECK(spec_with(namespaces(R"({"type":"pid"},{"type":"ipc"})")).ipc == IpcNamespace::own);
    CHECK(spec_with(namespaces(R"({"type":"ipc","path":""})")).ipc == IpcNamespace::own);
    CHECK(spec_with(namespaces(R"({"type":"ipc","path":null})")).ipc == IpcNamespace::own);
    CHECK(spec_with(namespaces(R"({"type":"ipc","path":"/proc/7/ns/ipc"})")).ipc == IpcNamespace::joined);
    CHECK(spec_with(namespaces(R"({"type":"pid","path":"/proc/7/ns/pid"})")).ipc == IpcNamespace::host);
    CHECK(what_of(config(R"("linux":[])")) == "linux is not an object");
    CHECK(what_of(config(R"("linux":{"namespaces":{}})")) == "linux.namespaces is not an array");
    CHECK(what_of(config(namespaces("{}"))) == "linux.namespaces[0].type is missing");
    CHECK(what_of(config(namespaces(R"({"type":"ipc","path":1})"))) == "linux.namespaces[0].path is not a string");
}

TEST_CASE("linux.cgroupsPath") {
    CHECK(spec_with("").cgroups_path == "");
    CHECK(spec_with(R"("linux":{"cgroupsPath":null})").cgroups_path == "");
    CHECK(spec_with(R"("linux":{"cgroupsPath":"a.slice:b:c"})").cgroups_path == "a.slice:b:c");
    CHECK(what_of(config(R"("linux":{"cgroupsPath":7})")) == "linux.cgroupsPath is not a string");
}

TEST_CASE("read_spec reads BUNDLE/config.json and names it in what goes wrong") {
    const test::TemporaryDirectory bundle;
    const auto path = bundle.path("config.json");
    const auto missing = oci::read_spec(bundle.path());
    CHECK(missing.error().code == Code::malformed_input);
    CHECK(missing.error().what == path + " is not there; the state's bundle is wrong");
    bundle.write("config.json", R"({"root":{"path":"rootfs"}})");
    CHECK(oci::read_spec(bundle.path())->root == bundle.path("rootfs"));
    bundle.write("config.json", "{");
    auto refused = oci::read_spec(bundle.path());
    CHECK(refused.error().what == path + ": JSON is malformed or cut off");
    CHECK(refused.error().code == Code::malformed_input);
    bundle.write("config.json", std::string((4UL << 20U) + 1, ' '));
    refused = oci::read_spec(bundle.path());
    CHECK(refused.error().what == path + ": is larger than 4194304 bytes");
    const test::FailingCall failing(SYS_read, EIO);
    CHECK(oci::read_spec(bundle.path()).error().number == EIO);
}

TEST_CASE("read_spec does not hang on, or read, what is no regular file") {
    const test::TemporaryDirectory bundle;
    REQUIRE(::mkfifo(bundle.path("config.json").c_str(), 0600) == 0);
    ::alarm(30);
    const auto refused = oci::read_spec(bundle.path());
    ::alarm(0);
    REQUIRE(!refused);
    CHECK(refused.error().what == bundle.path("config.json") + " is not a regular file");
    CHECK(refused.error().code == Code::malformed_input);
    std::filesystem::remove(bundle.path("config.json"));
    std::filesystem::create_directory(bundle.path("config.json"));
    CHECK(oci::read_spec(bundle.path()).error().code == Code::malformed_input);
}

TEST_CASE("CAP_SYS_ADMIN in the bounding set, as runc and crun write it") {
    const auto may = [](const std::string& process) {
        const auto spec = oci::parse_spec(R"({"root":{"path":"/r"},"process":)" + process + "}", "/b");
        REQUIRE(spec);
        return spec->may_have_sys_admin;
    };
    for (const std::string name : {"CAP_SYS_ADMIN", "cap_sys_admin", "SYS_ADMIN", "sys_admin", "ALL"}) {
        CHECK(may(R"({"capabilities":{"bounding":["CAP_KILL",")" + name + R"("]}})"));
    }
    for (const std::string process :
         {"{}", "null", R"({"capabilities":null})", R"({"capabilities":{}})", R"({"capabilities":{"bounding":null}})",
          R"({"capabilities":{"bounding":[]}})",
          R"({"capabilities":{"effective":["CAP_SYS_ADMIN"],"bounding":["CAP_SYS_NICE"]}})"}) {
        CAPTURE(process);
        CHECK(!may(process));
    }
    CHECK(!oci::parse_spec(R"({"root":{"path":"/r"},"process":{"capabilities":{"bounding":{}}}})", "/b"));
    CHECK(!oci::parse_spec(R"({"root":{"path":"/r"},"process":{"capabilities":{"bounding":[1]}}})", "/b"));
}

TEST_CASE("linux.mountLabel") {
    CHECK(oci::parse_spec(R"({"root":{"path":"/r"},"linux":{"mountLabel":"a:b:c:s0:c1,c2"}})", "/b")->mount_label ==
          "a:b:c:s0:c1,c2");
    CHECK(oci::parse_spec(R"({"root":{"path":"/r"},"linux":{}})", "/b")->mount_label.empty());
}

TEST_CASE("the size of a tmpfs on /dev/shm, as it is written") {
    const auto size = [](const std::string& options) {
        return spec_with(R"("mounts":[{"destination":"/dev/shm","type":"tmpfs","options":)" + options + "}]")
            .dev_shm.size;
    };
    CHECK(size(R"(["nosuid","size=65536k"])") == "65536k");
    CHECK(size(R"(["size=1","mode=1777","size=50%"])") == "50%"); // the kernel takes the last one
    CHECK(size(R"(["nr_size=5"])") == "");
    CHECK(size("null") == "");
    CHECK(size(R"(["bind","size=5"])") == "");
}
