// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/engine_config.h"

#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

using namespace bulkhead;
using engines::Engine;
using engines::EngineConfig;
using Strings = std::vector<std::string>;

namespace {

Strings names_of(const EngineConfig& config) {
    Strings names;
    for (const auto& runtime : config.runtimes) {
        names.push_back(runtime.name);
    }
    return names;
}

const engines::Runtime& runtime_of(const EngineConfig& config, std::string_view name) {
    const auto* const runtime = config.runtime(name);
    REQUIRE(runtime != nullptr);
    return *runtime;
}

} // namespace

TEST_CASE("containerd: handlers, the default one, and what they let through") {
    const test::TemporaryDirectory directory;
    const auto main = directory.path("config.toml");
    directory.write("config.toml", R"(version = 2
root = "/srv/containerd"
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "mine"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.mine]
  runtime_type = "io.containerd.runc.v2"
  pod_annotations = ["io.bulkhead.*"]
  container_annotations = ["*"]
  base_runtime_spec = "/etc/containerd/base.json"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.mine.options]
    SystemdCgroup = true
    BinaryName = "/usr/bin/bulkhead-runtime"
)");
    const auto config = read_engine_config(Engine::containerd, main);
    CHECK(config.problems.empty());
    CHECK(config.files == Strings{main});
    CHECK(config.version == 2);
    CHECK(config.storage == "/srv/containerd");
    CHECK(names_of(config) == Strings{"mine"}); // with a table of runtimes the built-in one is gone
    CHECK(config.default_runtime == "mine");
    const auto& mine = runtime_of(config, "mine");
    CHECK(mine.paths == Strings{"/usr/bin/bulkhead-runtime"});
    CHECK(engines::is_shim(mine.paths.front()));
    CHECK(mine.type == "io.containerd.runc.v2");
    CHECK(mine.systemd_cgroup == true);
    CHECK(mine.base_spec == "/etc/containerd/base.json");
    CHECK(mine.file == main);
    CHECK(engines::lets_through(mine.pod_annotations, "io.bulkhead.shm-size"));
    CHECK_FALSE(engines::lets_through(mine.pod_annotations, "io.bulkhead.shm-size/web"));
    CHECK_FALSE(engines::lets_through(mine.container_annotations, "a/b"));
}

TEST_CASE("containerd: imported files replace a plugin's section before 2.0, and are merged from there on") {
    const test::TemporaryDirectory directory;
    const auto main = directory.path("config.toml");
    const auto texts = [&](const std::string& version, const std::string& section) {
        directory.write("config.toml", "version = " + version +
                                           "\nimports = [\"conf.d/*.toml\", \"/nowhere.toml\"]\n[plugins.\"" + section +
                                           "\".containerd.runtimes.a]\nruntime_type = \"x\"\n");
        directory.write("conf.d/b.toml", "imports = [\"../config.toml\"]\n[plugins.\"" + section +
                                             "\".containerd]\ndefault_runtime_name = \"b\"\n[plugins.\"" + section +
                                             "\".containerd.runtimes.b]\n");
    };
    texts("2", "io.containerd.grpc.v1.cri");
    auto config = read_engine_config(Engine::containerd, main);
    CHECK(config.files == Strings{main, directory.path("conf.d/b.toml")});
    CHECK(names_of(config) == Strings{"b"});
    CHECK(config.default_runtime == "b");
    texts("3", "io.containerd.cri.v1.runtime");
    config = read_engine_config(Engine::containerd, main);
    CHECK(names_of(config) == Strings{"a", "b", "runc"});
    CHECK(config.default_runtime == "b");
    CHECK(runtime_of(config, "b").file == directory.path("conf.d/b.toml"));
    CHECK(runtime_of(config, "runc").file.empty());
}

TEST_CASE("containerd: without a config, with an old one, with a bad one, and with the CRI plugin switched off") {
    const test::TemporaryDirectory directory;
    const auto main = directory.path("config.toml");
    auto config = read_engine_config(Engine::containerd, main);
    CHECK(config.files.empty());
    CHECK(config.problems.empty());
    CHECK(names_of(config) == Strings{"runc"});
    CHECK(config.default_runtime == "runc");
    CHECK(config.version == 0);
    directory.write("config.toml", "disabled_plugins = [\"cri\"]\n");
    config = read_engine_config(Engine::containerd, main);
    CHECK(config.version == 1);
    CHECK(config.cri_disabled);
    directory.write("config.toml", "version = \n");
    config = read_engine_config(Engine::containerd, main);
    REQUIRE(config.problems.size() == 1);
    CHECK(config.problems.front().file == main);
    CHECK(config.problems.front().reason.starts_with("line 1: "));
}

TEST_CASE("docker: the runtimes of daemon.json") {
    const test::TemporaryDirectory directory;
    const auto main = directory.path("daemon.json");
    auto config = read_engine_config(Engine::docker, main);
    CHECK(names_of(config) == Strings{"runc"});
    CHECK(config.default_runtime == "runc");
    CHECK(config.storage == "/var/lib/docker");
    directory.write("daemon.json", " \n");
    CHECK(read_engine_config(Engine::docker, main).problems.empty());
    directory.write("daemon.json", R"({"default-runtime": "bulkhead", "data-root": "/srv", "runtimes":
        {"bulkhead": {"path": "/usr/bin/bulkhead-runtime"}, "kata": {"runtimeType": "io.containerd.kata.v2"}}})");
    config = read_engine_config(Engine::docker, main);
    CHECK(config.problems.empty());
    CHECK(names_of(config) == Strings{"bulkhead", "kata", "runc"});
    CHECK(config.default_runtime == "bulkhead");
    CHECK(config.storage == "/srv");
    CHECK(runtime_of(config, "bulkhead").paths == Strings{"/usr/bin/bulkhead-runtime"});
    CHECK(runtime_of(config, "bulkhead").file == main);
    CHECK(runtime_of(config, "kata").type == "io.containerd.kata.v2");
    for (const auto* const bad : {"{", "{\"runtimes\": []}", "{\"runtimes\": {\"x\": 1}}", "[]"}) {
        directory.write("daemon.json", bad);
        CHECK_MESSAGE(read_engine_config(Engine::docker, main).problems.size() == 1, bad);
    }
}

TEST_CASE("podman: the lists of a drop-in replace those before it, and the built-in ones") {
    const test::TemporaryDirectory directory;
    const auto main = directory.path("containers.conf");
    auto config = read_engine_config(Engine::podman, main);
    CHECK(runtime_of(config, "crun").paths.front() == "/usr/bin/crun");
    CHECK(runtime_of(config, "runc").file.empty());
    CHECK(config.hooks_dirs == Strings{"/usr/share/containers/oci/hooks.d"});
    directory.write("containers.conf",
                    "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nhooks_dir = [\"/a\"]\n"
                    "[engine.runtimes]\ncrun = [\"/opt/crun\", \"/usr/bin/crun\"]\nkata = [\"/opt/kata\"]\n");
    directory.write("containers.conf.d/50-bulkhead.conf",
                    "[engine.runtimes]\ncrun = [\"/usr/libexec/bulkhead/crun\"]\n");
    directory.write("containers.conf.d/README", "no TOML at all");
    config = read_engine_config(Engine::podman, main);
    CHECK(config.problems.empty());
    CHECK(runtime_of(config, "crun").paths == Strings{"/usr/libexec/bulkhead/crun"});
    CHECK(runtime_of(config, "crun").file == directory.path("containers.conf.d/50-bulkhead.conf"));
    CHECK(runtime_of(config, "kata").paths == Strings{"/opt/kata"});
    CHECK(config.default_runtime == "runc");
    CHECK(config.cgroup_manager == "cgroupfs");
    CHECK(config.hooks_dirs == Strings{"/a"});
}

TEST_CASE("crio: a handler of a drop-in replaces the one before it as a whole") {
    const test::TemporaryDirectory directory;
    const auto main = directory.path("crio.conf");
    directory.write("crio.conf",
                    "[crio]\nroot = \"/srv\"\n[crio.runtime]\ndefault_runtime = \"runc\"\ncgroup_manager = "
                    "\"systemd\"\nhooks_dir = [\"/a\", \"/b\"]\n[crio.runtime.runtimes.runc]\nruntime_path = "
                    "\"/usr/bin/runc\"\nruntime_type = \"oci\"\n");
    directory.write("crio.conf.d/10-x", "[crio.runtime]\ndefault_runtime = \"crun\"\n[crio.runtime.runtimes.crun]\n"
                                        "runtime_path = \"/usr/libexec/crio/crun\"\n[crio.runtime.runtimes.runc]\n");
    const auto config = read_engine_config(Engine::crio, main);
    CHECK(config.problems.empty());
    CHECK(names_of(config) == Strings{"crun", "runc"});
    CHECK(config.default_runtime == "crun");
    CHECK(runtime_of(config, "crun").paths == Strings{"/usr/libexec/crio/crun"});
    CHECK(runtime_of(config, "runc").paths.empty());
    CHECK(config.hooks_dirs == Strings{"/a", "/b"});
    CHECK(config.cgroup_manager == "systemd");
    CHECK(config.storage == "/srv");
}
