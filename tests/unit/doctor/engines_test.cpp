// SPDX-License-Identifier: Apache-2.0
// What is containerd's, docker's and CRI-O's alone.
#include "runtime/doctor/doctor.h"

#include "support/wired_node.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using engines::Engine;
using test::examined;
using test::MadeUpRoot;

namespace {

const std::string section = R"(plugins."io.containerd.grpc.v1.cri".containerd)";
const std::string main_file = "/etc/containerd/config.toml";
const std::string unlinked = "node.shim-links skipped: no engine calls the shim by one\n";

// A config.toml with the handler `bulkhead`, that one's table and options, and runc.
std::string containerd_config(const std::string& table, const std::string& options = "",
                              const std::string& default_name = "bulkhead") {
    return "version = 2\n[" + section + "]\ndefault_runtime_name = \"" + default_name + "\"\n[" + section +
           ".runtimes.bulkhead]\n" + table + "\n[" + section + ".runtimes.bulkhead.options]\n" + options + "\n";
}

const std::string good_type = "runtime_type = \"io.containerd.runc.v2\"\n";
const std::string good_annotations = "pod_annotations = [\"io.bulkhead.*\", \"io.bulkhead.*/*\"]\n";
const std::string shim = "BinaryName = \"/usr/bin/bulkhead-runtime\"\n";

MadeUpRoot& with_containerd(MadeUpRoot& root) {
    test::install(root);
    root.program("/usr/bin/containerd");
    root.program("/usr/sbin/runc");
    return root;
}

std::string examined_containerd(const std::string& config, const std::string& daemon = "idle") {
    MadeUpRoot root;
    with_containerd(root).write(main_file, config);
    return examined(root, {.engines = {Engine::containerd}}, daemon);
}

const std::string at_rest = "containerd.daemon skipped: does not run\n";

std::string base_spec(const std::string& stages) { return R"({"ociVersion": "1.0.2", "hooks": {)" + stages + "}}"; }
const std::string create_stage = R"("createRuntime": [{"path": "/bin/a"}, {"path": ")" + test::hook + R"("}])";
const std::string poststop_stage = R"("poststop": [{"path": ")" + test::hook + R"("}])";

} // namespace

TEST_CASE("containerd's handlers" * doctest::skip(!test::can_mount_privately())) {
    const auto good = containerd_config(good_type + good_annotations, shim);
    CHECK(examined_containerd(good) == unlinked + at_rest);
    const std::string mine = "containerd.annotations failed: the handler bulkhead does not let io.bulkhead.shm-size";
    CHECK(examined_containerd(containerd_config(good_type, shim)) ==
          unlinked + at_rest + mine + " through: pods that ask get no walls\n");
    CHECK(examined_containerd(containerd_config(good_type + "pod_annotations = [\"io.bulkhead.*\"]", shim)) ==
          unlinked + at_rest + mine + "/web through: pods that ask get no walls\n");
    CHECK(
        examined_containerd(containerd_config(good_type + "pod_annotations = [\"*\", \"*/*\"]", shim)) ==
        unlinked + at_rest +
            "containerd.annotations warning: the handler bulkhead lets every annotation through: pods can change what "
            "others read from theirs\n");
    CHECK(
        examined_containerd(containerd_config("runtime_type = \"io.containerd.kata.v2\"\n" + good_annotations, shim)) ==
        unlinked + at_rest +
            "containerd.runtime-type failed: the handler bulkhead has the runtime_type \"io.containerd.kata.v2\", "
            "which does not run the shim\n");
    const auto runc = "[" + section + ".runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n";
    CHECK(examined_containerd(good + runc) == unlinked + at_rest); // as configure --default leaves it
    CHECK(examined_containerd(good + runc + "[" + section + ".runtimes.runc.options]\nSystemdCgroup = true\n") ==
          unlinked + at_rest +
              "containerd.cgroup-driver warning: the handlers runc and bulkhead differ in SystemdCgroup\n");
    CHECK(examined_containerd(containerd_config(good_type + good_annotations, shim, "runc") + runc) ==
          unlinked + at_rest +
              "containerd.default-runtime warning: containers that ask for no other runtime get runc, and have no "
              "walls\n");
    const auto other = "[" + section + ".runtimes.other]\nruntime_type = \"io.containerd.runc.v2\"\n";
    CHECK(examined_containerd(containerd_config(good_type + good_annotations, shim, "runc") + runc + other) ==
          unlinked + at_rest +
              "containerd.default-runtime warning: containers that ask for no other runtime get runc, and have no "
              "walls\n"
              "containerd.other-runtimes warning: other: containers that ask for it have no walls\n");
}

TEST_CASE("a runtime beside the default one that is the shim is named" * doctest::skip(!test::can_mount_privately())) {
    MadeUpRoot root;
    with_containerd(root).write(main_file, containerd_config(good_type + good_annotations, shim) + "[" + section +
                                               ".runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n");
    CHECK(root.enter([](test::Findings& findings) {
        for (const auto& check : doctor::examine({.engines = {Engine::containerd}})) {
            if (check.id == "containerd.other-runtimes") {
                findings.add(std::string(name_of(check.finding.verdict)) + ": " + check.looked);
            }
        }
    }) == "ok: runc: containers that ask for it have no walls\n");
}

TEST_CASE("containerd without any of ours" * doctest::skip(!test::can_mount_privately())) {
    const std::string none = "no runtime is the shim: containers have no walls";
    const std::string shim_unused = "node.shim-links skipped: no engine calls the shim by one\n";
    CHECK(examined_containerd("version = 2\n") ==
          shim_unused + at_rest + "containerd.runtime failed: " + none + "\n"); // it was asked for
    CHECK(examined_containerd("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n") ==
          shim_unused + "containerd.cri failed: the CRI plugin is switched off: no pod is started by it\n");
    CHECK(examined_containerd("version = [") == shim_unused + "containerd.config failed: " + main_file +
                                                    ": line 1: Error while parsing array: encountered end-of-file\n");
    MadeUpRoot root;
    with_containerd(root);
    CHECK(examined(root).find("containerd.runtime skipped: " + none +
                              "; bulkhead configure containerd puts it there\n") != std::string::npos);
    CHECK(examined(root, {}, "kubelet").find("containerd.runtime skipped") != std::string::npos);    // it does not run
    CHECK(examined(root, {}, "containerd").find("containerd.runtime skipped") != std::string::npos); // nobody's
}

TEST_CASE("hooks in a base_runtime_spec" * doctest::skip(!test::can_mount_privately())) {
    const auto config = containerd_config(good_type + good_annotations + "base_runtime_spec = \"/etc/base.json\"\n");
    const auto examined_with = [&](const std::string& spec) {
        MadeUpRoot root;
        with_containerd(root).write(main_file, config);
        root.write("/etc/base.json", spec);
        return examined(root, {.engines = {Engine::containerd}});
    };
    const std::string alone =
        "containerd.runtime warning: no runtime is the shim: containers have the hook alone: their "
        "disk limits can be taken off from inside\n";
    const std::string nothing = "containerd.runtime failed: no runtime is the shim: containers have no walls\n";
    CHECK(examined_with(base_spec(create_stage + ", " + poststop_stage)) == unlinked + at_rest + alone);
    CHECK(examined_with(base_spec("")) == unlinked + at_rest + nothing);
    CHECK(examined_with(base_spec(create_stage)) ==
          unlinked + at_rest + alone +
              "containerd.base-spec failed: /etc/base.json has bulkhead-hook at createRuntime alone: nothing is given "
              "back\n");
    CHECK(examined_with("{").find("containerd.base-spec failed: /etc/base.json: ") != std::string::npos);
}

TEST_CASE("a daemon that was started before its config" * doctest::skip(!test::can_mount_privately())) {
    MadeUpRoot root;
    with_containerd(root).write(main_file, containerd_config(good_type + good_annotations, shim));
    const doctor::Question containerd{.engines = {Engine::containerd}};
    const auto yesterday = std::filesystem::file_time_type::clock::now() - std::chrono::hours(24);
    std::filesystem::last_write_time(root.path(main_file), yesterday);
    CHECK(examined(root, containerd, "containerd") == unlinked);
    std::filesystem::last_write_time(root.path(main_file), yesterday + std::chrono::hours(48));
    CHECK(examined(root, containerd, "containerd") ==
          unlinked + "containerd.daemon failed: " + main_file +
              " was changed after the daemon was started, which does not know of it\n");
}

TEST_CASE("docker" * doctest::skip(!test::can_mount_privately())) {
    const MadeUpRoot root;
    test::install(root);
    root.program("/usr/sbin/dockerd");
    root.program("/usr/sbin/runc");
    const doctor::Question docker{.engines = {Engine::docker}};
    const std::string resting = "docker.daemon skipped: does not run\n";
    const std::string unknown = "docker.annotations skipped: its version is not known\n"; // nothing runs in this root
    root.write("/etc/docker/daemon.json",
               R"({"runtimes": {"bulkhead": {"path": "/usr/libexec/bulkhead/runc"}}, "default-runtime": "bulkhead"})");
    CHECK(examined(root, docker) == resting + unknown);
    root.write("/etc/docker/daemon.json", R"({"runtimes": {"bulkhead": {"path": "/usr/libexec/bulkhead/runc"}}})");
    CHECK(examined(root, docker) ==
          resting +
              "docker.default-runtime warning: containers that ask for no other runtime get runc, and have no "
              "walls\n" +
              unknown);
    root.write("/etc/docker/daemon.json", "{}");
    CHECK(examined(root, docker) ==
          unlinked + resting + "docker.runtime failed: no runtime is the shim: containers have no walls\n");
    CHECK(examined(root, {}, "dockerd").find("docker.runtime warning: ") != std::string::npos);
    root.write("/etc/docker/daemon.json", "{");
    CHECK(examined(root, docker).find("docker.config failed: /etc/docker/daemon.json: ") != std::string::npos);
}

TEST_CASE("CRI-O" * doctest::skip(!test::can_mount_privately())) {
    const MadeUpRoot root;
    test::install(root);
    root.program("/usr/bin/crio");
    const doctor::Question crio{.engines = {Engine::crio}};
    const std::string handlers = "[crio.runtime.runtimes.";
    root.write("/etc/crio/crio.conf", "[crio.runtime]\ndefault_runtime = \"crun\"\n" + handlers +
                                          "crun]\nruntime_path = \"/usr/libexec/bulkhead/crun\"\n");
    CHECK(examined(root, crio) == "crio.daemon skipped: does not run\n");
    root.write("/etc/crio/crio.conf.d/05-shm.conf",
               handlers + "crun]\nruntime_path = \"/usr/libexec/bulkhead/crun\"\nallowed_annotations = "
                          "[\"io.kubernetes.cri-o.Devices\", \"io.kubernetes.cri-o.ShmSize\"]\n");
    CHECK(
        examined(root, crio) ==
        "crio.daemon skipped: does not run\n"
        "crio.annotations warning: the handler crun lets pods set the size of /dev/shm by io.kubernetes.cri-o.ShmSize, "
        "which has no maximum\n");
    root.remove("/etc/crio/crio.conf.d");
    root.write("/etc/crio/crio.conf.d/10-runc.conf", handlers + "runc]\nruntime_path = \"/usr/bin/crun\"\n");
    CHECK(examined(root, crio) == "crio.daemon skipped: does not run\n"); // the default one is the shim
    root.remove("/etc/crio/crio.conf.d");
    root.remove(test::hook);
    std::filesystem::last_write_time(root.path("/etc/crio/crio.conf"),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(24));
    // The hook comes behind its file, while CRI-O runs.
    CHECK(root.enter([&](test::Findings& findings) {
        const test::IdleProcess process([] { return ::prctl(PR_SET_NAME, "crio") == 0; });
        ::usleep(50'000);
        std::filesystem::copy_file("/usr/bin/crun", test::hook);
        for (const auto& check : doctor::examine({.engines = {Engine::crio}})) {
            if (check.id == "crio.hooks-d.order") {
                findings.add(check.finding.reason + " | " + check.finding.mend);
            }
        }
    }) == test::hook +
              " was put there after the file that names it: it is left out if it was not there before | touch " +
              test::hooks_d + "50-bulkhead.json\n");
}
