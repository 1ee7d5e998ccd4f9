// SPDX-License-Identifier: Apache-2.0
// What configure does with each engine in its own way.
#include "runtime/engines/configure.h"

#include "support/configure_setup.h"

using namespace bulkhead;
using namespace bulkhead::test;

TEST_CASE("docker: what somebody has written since stays, and only ours goes" * root_only) {
    Setup setup(Engine::docker);
    setup.write("{\n  \"default-runtime\": \"kata\",\n  \"runtimes\": {\n    \"kata\": {\"path\": "
                "\"/usr/sbin/runc\"}\n  }\n}\n");
    setup.configure({.make_default = true, .remove = false, .dry_run = false});
    auto text = *setup.read();
    text.replace(text.find("{\n"), 2, "{\n  \"debug\": true,\n");
    setup.write(text);
    setup.remove();
    CHECK(*setup.read() == "{\n  \"debug\": true,\n  \"default-runtime\": \"kata\",\n  \"runtimes\": {\n    \"kata\": "
                           "{\"path\": \"/usr/sbin/runc\"}\n  }\n}\n");
}

// Of many lengths, so that some have memory that is used again at once where the file's text is let go too early.
TEST_CASE("docker: the default of before is put back, however long the file was" * root_only) {
    for (std::size_t size = 200; size < 424; size += 8) {
        CAPTURE(size);
        Setup setup(Engine::docker);
        std::string before = R"({"default-runtime": "kata", "runtimes": {"kata": {"path": "/usr/sbin/runc"}})";
        before.append(size - before.size(), ' ').append("}\n");
        setup.write(before);
        setup.configure({.make_default = true, .remove = false, .dry_run = false});
        setup.write(*setup.read() + " \n"); // so that it is no longer what configure wrote
        setup.remove();
        CHECK(*setup.read() == before + " \n");
    }
}

TEST_CASE("docker: members that were empty before stay, those that we made go" * root_only) {
    Setup setup(Engine::docker);
    const auto remain = [&](const std::string& before) {
        setup.write(before);
        setup.configure();
        setup.write(*setup.read() + " \n"); // so that it is no longer what configure wrote
        setup.remove();
        return *setup.read();
    };
    CHECK(remain("{\"runtimes\": {}}\n") == "{\"runtimes\": {}}\n \n");
    CHECK(remain("{}\n") == "{}\n \n");
    CHECK(remain("{\"debug\": true}\n") == "{\"debug\": true}\n \n");
}

TEST_CASE("docker: a file that we made goes, whoever has touched it since, where nothing else is in it" * root_only) {
    Setup setup(Engine::docker);
    setup.configure();
    setup.write(*setup.read() + " \n");
    setup.remove();
    CHECK_FALSE(setup.read());
}

TEST_CASE("containerd: the default runtime's options are copied, and what it lets through is not" * root_only) {
    Setup setup(Engine::containerd);
    setup.write(
        "version = 2\n[" + cri + ".containerd]\ndefault_runtime_name = \"mine\"\n[" + cri +
        ".containerd.runtimes.mine]\n" +
        "runtime_type = \"io.containerd.runc.v2\"\nbase_runtime_spec = \"/etc/base.json\"\ncni_conf_dir = \"\"\n"
        "privileged_without_host_devices = true\ncgroup_writable = false\nsome_list = []\nruntime_engine = "
        "\"\"\npod_annotations = [\"*\"]\n[" +
        cri +
        ".containerd.runtimes.mine.options]\nBinaryName = \"/opt/runc\"\nSystemdCgroup = false\nRoot = "
        "\"/run/x\"\nIoUid = 0\nNoPivotRoot = false\n");
    setup.node.programs.emplace_back("/opt/runc");
    const auto outcome = setup.configure();
    CHECK(setup.read()->ends_with(
        "\n# Written by bulkhead configure; see bulkhead(1).\n[" + cri +
        ".containerd.runtimes.bulkhead]\nruntime_type = \"io.containerd.runc.v2\"\npod_annotations = "
        "[\"io.bulkhead.*\", \"io.bulkhead.*/*\"]\ncontainer_annotations = [\"io.bulkhead.*\", "
        "\"io.bulkhead.*/*\"]\nbase_runtime_spec = \"/etc/base.json\"\nprivileged_without_host_devices = "
        "true\n\n[" +
        cri +
        ".containerd.runtimes.bulkhead.options]\nBinaryName = "
        "\"/usr/bin/bulkhead-runtime\"\nRoot = \"/run/x\"\nSystemdCgroup = false\n"));
    CHECK(notes_have(outcome, "lets through \"*\""));
    CHECK(notes_have(outcome, "the engine runs /opt/runc, and bulkhead-runtime would become /usr/sbin/runc"));
    CHECK(outcome.next == "systemctl restart containerd");
}

TEST_CASE("containerd: what the default runtime gets later, ours gets; what ours has besides, it keeps" * root_only) {
    Setup setup(Engine::containerd);
    const auto runc = "version = 2\n[" + cri + ".containerd.runtimes.runc.options]\n";
    setup.write(runc);
    setup.configure({.make_default = true, .remove = false, .dry_run = false});
    auto text = *setup.read() + "IoUid = 7\n"; // somebody's, if he knows what he does
    text.insert(runc.size(), "SystemdCgroup = true\n");
    setup.write(text);
    CHECK(setup.configure().changes());
    CHECK(setup.config().runtime("bulkhead")->systemd_cgroup == true);
    CHECK(setup.read()->find("IoUid = 7") != std::string::npos);
    CHECK_FALSE(setup.configure().changes());
}

TEST_CASE("containerd: the runtime that we had to write goes with ours, unless somebody has added to it" * root_only) {
    for (const std::string added : {"", "privileged_without_host_devices = true\n"}) {
        CAPTURE(added);
        Setup setup(Engine::containerd);
        setup.write("version = 2\n");
        setup.configure();
        const auto runc = "[" + cri + ".containerd.runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n";
        auto text = *setup.read();
        REQUIRE(text.find(runc) != std::string::npos);
        text.insert(text.find(runc) + runc.size(), added);
        setup.write(text + "\n"); // so that it is no longer what configure wrote
        setup.remove();
        CHECK((setup.read()->find(runc + added) != std::string::npos) == !added.empty());
        CHECK(setup.read()->find("bulkhead\"") == std::string::npos);
    }
}

TEST_CASE("containerd: the kubelet says how cgroups are named where containerd does not" * root_only) {
    Setup setup(Engine::containerd);
    setup.node.kubelet = "systemd";
    setup.configure();
    CHECK(setup.read()->starts_with("version = 2\n\n# Written by bulkhead configure; see bulkhead(1).\n["));
    CHECK(setup.config().runtime("bulkhead")->systemd_cgroup == true);
    CHECK_FALSE(setup.config().runtime("runc")->systemd_cgroup);
}

TEST_CASE("containerd 2: a drop-in where the main config imports its directory" * root_only) {
    Setup setup(Engine::containerd);
    const std::string main = "version = 3\nimports = [\"" + setup.path("conf.d") + "/*.toml\"]\n[" + cri3 +
                             ".containerd.runtimes.runc.options]\nSystemdCgroup = true\n";
    setup.write(main);
    const auto outcome = setup.configure({.make_default = true, .remove = false, .dry_run = false});
    CHECK(*setup.read() == main);
    CHECK(outcome.edits.front().path == setup.path("conf.d/50-bulkhead.toml"));
    CHECK(setup.read("conf.d/50-bulkhead.toml")->find("version = 3\n") != std::string::npos);
    expect_shim(setup, Engine::containerd, true);
    CHECK(setup.config().runtime("bulkhead")->systemd_cgroup == true);
    CHECK(setup.remove().changes());
    CHECK_FALSE(setup.read("conf.d/50-bulkhead.toml"));
    CHECK(*setup.read() == main);
}

TEST_CASE("containerd: what is not guessed is refused, and nothing is changed" * root_only) {
    Setup setup(Engine::containerd);
    setup.write("disabled_plugins = [\"cri\"]\n");
    setup.expect_refused("is of version 1");
    setup.write("version = 5\n");
    setup.expect_refused("is of version 5");
    setup.write("version = 2\nversion = 2\n");
    setup.expect_refused("config.toml: line 2: ");
    setup.write("version = 2\n[" + cri + ".containerd.runtimes.bulkhead]\nruntime_type = \"x\"\n");
    setup.expect_refused("has a runtime \"bulkhead\" that is not the shim");
    setup.write("version = 2\n[" + cri + ".containerd.default_runtime]\nruntime_type = \"io.containerd.runc.v2\"\n");
    setup.expect_refused("default_runtime table", {.make_default = true, .remove = false, .dry_run = false});
    setup.write("version = 2\nimports = [\"x.toml\"]\n");
    setup.write("version = 2\n[" + cri + "]\nsandbox_image = \"x\"\n", "x.toml");
    setup.expect_refused("which before containerd 2.0 replaces the section");
    setup.write("version = 2\n");
    setup.node.becomes.clear();
    setup.expect_refused("bulkhead-runtime would have: no runtime to become");
}

TEST_CASE("docker: a default runtime that is not runc is no longer run by the shim, which is said" * root_only) {
    Setup setup(Engine::docker);
    setup.node.programs.emplace_back("/usr/bin/nvidia-container-runtime");
    for (const std::string path : {"nvidia-container-runtime", "/usr/bin/nvidia-container-runtime"}) {
        setup.write(R"({"default-runtime": "nvidia", "runtimes": {"nvidia": {"path": ")" + path + "\"}}}");
        CHECK(notes_have(setup.configure({.make_default = true, .remove = false, .dry_run = false}),
                         "the engine runs " + path));
    }
    setup.write(R"({"default-runtime": "mine", "runtimes": {"mine": {"path": "runc"}}})");
    CHECK(setup.configure({.make_default = true, .remove = false, .dry_run = false}).notes.empty());
    setup.node.has_engine = false;
    CHECK(notes_have(setup.configure(), "no program of docker is installed here"));
}

TEST_CASE("docker: what is not ours, or would not start, is refused" * root_only) {
    Setup setup(Engine::docker);
    setup.write(R"({"runtimes": {"bulkhead": {"path": "/opt/other"}}})");
    setup.expect_refused("has a runtime \"bulkhead\" that is not the shim");
    setup.write(R"({"runtimes": [])");
    setup.expect_refused("daemon.json: ");
    setup.write("{}");
    setup.node.daemons = {{.pid = 7, .arguments = {"dockerd", "--add-runtime", "x=/y"}}};
    setup.expect_refused("dockerd was started with --add-runtime");
    setup.node.daemons = {{.pid = 7, .arguments = {"dockerd", "--default-runtime=x"}}};
    setup.expect_refused("dockerd was started with --default-runtime",
                         {.make_default = true, .remove = false, .dry_run = false});
    CHECK(setup.configure().changes());
}

TEST_CASE("podman: the admin's own paths stay behind ours, and a runtime that is not there gets no entry" * root_only) {
    Setup setup(Engine::podman);
    setup.node.programs.emplace_back("/opt/crun");
    setup.write("[engine.runtimes]\ncrun = [\"/opt/crun\", \"/nowhere/crun\"]\n");
    std::erase(setup.node.programs, "/usr/sbin/runc");
    const auto outcome = setup.configure({.make_default = true, .remove = false, .dry_run = false});
    CHECK(
        *setup.read("containers.conf.d/50-bulkhead.conf") ==
        "# Written by bulkhead configure; see bulkhead(1).\n[engine.runtimes]\ncrun = [\"/usr/libexec/bulkhead/crun\", "
        "\"/opt/crun\", \"/nowhere/crun\"]\n");
    CHECK(notes_have(outcome, "the engine runs /opt/crun"));
    CHECK(notes_have(outcome, "with or without --default"));
    CHECK(outcome.next.empty());
    setup.node.programs.clear();
    setup.expect_refused("neither crun nor runc");
}

TEST_CASE("podman: a program of two names is named once" * root_only) {
    Setup setup(Engine::podman);
    setup.node.same_as = {
        {"/bin/crun", "/usr/bin/crun"}, {"/usr/bin/runc", "/usr/sbin/runc"}, {"/sbin/runc", "/usr/sbin/runc"}};
    setup.configure();
    CHECK(setup.config().runtime("crun")->paths == Strings{"/usr/libexec/bulkhead/crun", "/usr/bin/crun"});
    CHECK(setup.config().runtime("runc")->paths == Strings{"/usr/libexec/bulkhead/runc", "/usr/bin/runc"});
}

TEST_CASE("podman: what passes the shim by is said" * root_only) {
    Setup setup(Engine::podman);
    setup.write("[engine]\nruntime = \"/usr/bin/crun\"\n");
    setup.write("[engine.runtimes]\nrunc = [\"/usr/sbin/runc\"]\n", "containers.conf.d/99-x.conf");
    const auto outcome = setup.configure();
    CHECK(notes_have(outcome, "podman's default runtime is \"/usr/bin/crun\""));
    CHECK(notes_have(outcome, "99-x.conf comes after"));
    setup.write("[engine.runtimes]\nrunc = [\"/usr/libexec/bulkhead/runc\", \"/usr/sbin/runc\"]\n",
                "containers.conf.d/99-x.conf");
    CHECK_FALSE(notes_have(setup.configure(), "99-x.conf"));
}

TEST_CASE("podman: a list of ours that somebody has added to becomes his without ours" * root_only) {
    Setup setup(Engine::podman);
    setup.configure();
    setup.write("# mine\n[engine.runtimes]\ncrun = [\"/usr/libexec/bulkhead/crun\"]\nkata = [\"/opt/kata\"]\n",
                "containers.conf.d/50-bulkhead.conf");
    setup.remove();
    CHECK(*setup.read("containers.conf.d/50-bulkhead.conf") == "# mine\n[engine.runtimes]\nkata = [\"/opt/kata\"]\n");
}

TEST_CASE("crio: the default handler with another program; never an annotation that CRI-O does not know" * root_only) {
    Setup setup(Engine::crio);
    setup.write("[crio.runtime]\ndefault_runtime = \"runc\"\n");
    setup.write("[crio.runtime]\ndefault_runtime = \"crun\"\n[crio.runtime.runtimes.crun]\nruntime_path = "
                "\"/usr/libexec/crio/crun\"\n"
                "runtime_root = \"/run/crun\"\nmonitor_path = \"/usr/libexec/crio/conmon\"\nallowed_annotations = "
                "[\"io.kubernetes.cri-o.Devices\"]\n[crio.runtime.runtimes.crun.platform_runtime_paths]\n\"linux/"
                "arm64\" = \"/x\"\n",
                "crio.conf.d/10-crio.conf");
    setup.node.programs.emplace_back("/usr/libexec/crio/crun");
    const auto outcome = setup.configure({.make_default = true, .remove = false, .dry_run = false});
    CHECK(*setup.read("crio.conf.d/50-bulkhead.conf") ==
          "# Written by bulkhead configure; see bulkhead(1).\n[crio.runtime]\ndefault_runtime = \"bulkhead\"\n\n# "
          "Written by bulkhead "
          "configure; see bulkhead(1).\n[crio.runtime.runtimes.bulkhead]\nallowed_annotations = "
          "[\"io.kubernetes.cri-o.Devices\"]\n"
          "monitor_path = \"/usr/libexec/crio/conmon\"\nruntime_path = \"/usr/libexec/bulkhead/crun\"\nruntime_root = "
          "\"/run/crun\"\n");
    CHECK(
        notes_have(outcome, "the engine runs /usr/libexec/crio/crun, and bulkhead-runtime would become /usr/bin/crun"));
    setup.write("[crio.runtime]\ndefault_runtime = \"runc\"\n", "crio.conf.d/99-x");
    setup.node.becomes.emplace("runc", "/usr/sbin/runc");
    CHECK(notes_have(setup.configure({.make_default = true, .remove = false, .dry_run = false}), "99-x comes after"));
    setup.remove();
    setup.write(
        "[crio.runtime]\ndefault_runtime = \"kata\"\n[crio.runtime.runtimes.kata]\nruntime_path = \"/opt/kata\"\n",
        "crio.conf.d/99-x");
    setup.expect_refused("which the shim cannot stand before");
    setup.write("[crio.runtime.runtimes.bulkhead]\nruntime_path = \"/usr/sbin/runc\"\n", "crio.conf.d/99-x");
    setup.expect_refused("not of configure");
}

TEST_CASE("crio: without a word of the default one, no other is made the default" * root_only) {
    Setup setup(Engine::crio);
    setup.expect_refused("which runtime is CRI-O's default is not in its config",
                         {.make_default = true, .remove = false, .dry_run = false});
    setup.configure();
    CHECK(setup.config().runtime("bulkhead")->paths == Strings{"/usr/libexec/bulkhead/crun"});
}
