// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/configure.h"

#include "runtime/sys/call.h"
#include "support/child.h"
#include "support/configure_setup.h"

#include <csignal>

using namespace bulkhead;
using namespace bulkhead::test;

namespace {

Strings containerd_texts() {
    return {
        "",
        "# nothing but a comment\n",
        "version = 2",
        "version = 2\n\n[plugins]\n  [" + cri + "]\n    [" + cri + ".cni]\n      bin_dir = \"/usr/lib/cni\"\n",
        "version = 2\r\n[" + cri + "]\r\n  sandbox_image = \"x\"\r\n",
        "imports = []\nversion = 2 # the second\n[" + cri +
            ".containerd] # here\n  snapshotter = \"overlayfs\"\n\n# one's own\n[" + cri +
            ".containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n  [" + cri +
            ".containerd.runtimes.runc.options]\n    SystemdCgroup = true\n\n\n# the end\n",
        "version = 2\n[" + cri + "]\ncontainerd.default_runtime_name = 'runc'\n",
        "version = 2\n[" + cri + ".containerd]\nruntimes = { runc = { runtime_type = \"io.containerd.runc.v2\" } }\n",
        "version = 2\n[plugins]\n\"io.containerd.grpc.v1.cri\" = { containerd = { default_runtime_name = \"runc\" } "
        "}\n",
        "version = 2\n[" + cri + ".containerd.runtimes.'a\"[b].c']\nruntime_type = \"\"\"\n[" + cri + "]\n\"\"\"\n",
        "version = 3\n[" + cri3 + ".containerd]\ndefault_runtime_name = \"runc\"\n",
        "version = 3\nimports = [\n  \"conf.d/*.toml\", # the others\n]\n",
        "version = 4\nimports = ['/nowhere/a.toml']",
    };
}

Strings docker_texts() {
    return {"",
            "{}",
            "{\n}\n",
            "{\"debug\": true}",
            "{\n  \"log-driver\": \"journald\",\n  \"runtimes\": {\n    \"kata\": {\"path\": \"/opt/kata\"}\n  }\n}\n",
            "{\r\n\t\"default-runtime\": \"runc\",\r\n\t\"insecure-registries\": [ ]\r\n}",
            "{\"runtimes\":{},\"labels\":[\"a={\\\"}\"]}",
            "{\"default-runtime\": \"runc\"}\n\n"};
}

Strings podman_texts() {
    return {"", "[engine]\nruntime = \"runc\"\n",
            "[engine.runtimes]\ncrun = [\n  \"/opt/crun\", # mine\n  \"/usr/bin/crun\",\n]\n"};
}

Strings crio_texts() {
    return {
        "[crio.runtime]\ndefault_runtime = \"runc\"\n[crio.runtime.runtimes.runc]\nruntime_path = \"/usr/sbin/runc\"\n"
        "runtime_root = \"/run/runc\"\n",
        "[crio]\nruntime = { default_runtime = \"crun\", runtimes = { crun = { runtime_path = \"\", monitor_env = "
        "[\"A=1\"] } } }\n"};
}

struct Kind {
    Engine engine;
    Strings texts;
};

std::vector<Kind> all_kinds() {
    return {{Engine::containerd, containerd_texts()},
            {Engine::docker, docker_texts()},
            {Engine::podman, podman_texts()},
            {Engine::crio, crio_texts()}};
}

} // namespace

TEST_CASE("configure, again, and back to the byte, of every kind of config" * root_only) {
    for (const auto& [engine, texts] : all_kinds()) {
        for (const auto& text : texts) {
            for (const bool make_default : {false, true}) {
                CAPTURE(name_of(engine));
                CAPTURE(text);
                const Setup setup(engine);
                setup.write(text);
                const auto before = setup.all();
                const auto dry = setup.configure({.make_default = make_default, .remove = false, .dry_run = true});
                CHECK(dry.changes());
                CHECK(setup.all() == before);
                CHECK(setup.configure({.make_default = make_default, .remove = false, .dry_run = false}).changes());
                expect_shim(setup, engine, make_default);
                const auto with = setup.all();
                CHECK_FALSE(
                    setup.configure({.make_default = make_default, .remove = false, .dry_run = false}).changes());
                CHECK_FALSE(setup.configure().changes());
                CHECK(setup.all() == with);
                // Another default later is a second change, and goes with the first.
                CHECK(setup.configure({.make_default = true, .remove = false, .dry_run = false}).changes() ==
                      (!make_default && engine != Engine::podman));
                CHECK(setup.remove().changes());
                CHECK(setup.all() == before);
                CHECK_FALSE(setup.has_records());
                CHECK_FALSE(setup.remove().changes());
                CHECK(setup.all() == before);
            }
        }
    }
}

TEST_CASE("a file that was not there is made, and goes again" * root_only) {
    for (const auto engine : {Engine::containerd, Engine::docker, Engine::podman, Engine::crio}) {
        CAPTURE(name_of(engine));
        const Setup setup(engine);
        CHECK(setup.configure().changes());
        expect_shim(setup, engine, false);
        struct ::stat status{};
        REQUIRE(::stat(setup.configure().edits.front().path.c_str(), &status) == 0);
        CHECK((status.st_mode & 07777U) == 0644);
        CHECK(setup.remove().changes());
        CHECK(setup.all().empty()); // the directory of drop-ins, too
    }
}

namespace {

int calls_left = 0;

// Runs `body` in a child that is killed before its system call of that index; whether it came to that.
template <typename Body>
bool killed_before(int call, Body body) {
    return !in_child([&](Findings& /*findings*/) {
                calls_left = call;
                sys::intercept([](long) { return calls_left-- == 0 ? ::kill(::getpid(), SIGKILL) : 0; });
                body();
            }).empty();
}

} // namespace

TEST_CASE("killed at any call, configure and --remove are undone by the next --remove" * root_only) {
    const std::string docker = "{\"log-driver\": \"journald\"}";
    for (const auto& [engine, text] : {std::pair(Engine::docker, docker), {Engine::docker, ""}, {Engine::podman, ""}}) {
        for (const bool remove : {false, true}) {
            bool killed = true;
            for (int call = 0; killed; ++call) {
                CAPTURE(name_of(engine));
                CAPTURE(remove);
                CAPTURE(call);
                const Setup setup(engine);
                if (!text.empty()) {
                    setup.write(text);
                }
                const auto before = setup.all();
                if (remove) {
                    setup.configure();
                }
                killed = killed_before(call, [&] { static_cast<void>(setup.try_configure({.remove = remove})); });
                setup.remove();
                REQUIRE(setup.all() == before);
                REQUIRE_FALSE(setup.has_records());
            }
        }
    }
}

TEST_CASE("config/ has what is written on a default node" * root_only) {
    // As CRI-O's own packages have it.
    const std::string crio =
        "[crio.runtime]\ndefault_runtime = \"crun\"\n[crio.runtime.runtimes.crun]\nruntime_path = "
        "\"/usr/libexec/crio/crun\"\nruntime_root = \"/run/crun\"\nmonitor_path = "
        "\"/usr/libexec/crio/conmon\"\nallowed_annotations = [\n    \"io.containers.trace-syscall\",\n]\n";
    for (const auto engine : {Engine::containerd, Engine::docker, Engine::podman, Engine::crio}) {
        Setup setup(engine);
        std::ranges::replace(setup.node.programs, std::string("/usr/sbin/runc"), std::string("/usr/bin/runc"));
        if (engine == Engine::crio) {
            setup.write(crio, "crio.conf.d/10-crio.conf");
        }
        const auto path = fs::path(setup.configure().edits.front().path);
        CHECK(test::read_file(path) == test::read_file(fs::path(BULKHEAD_CONFIG) / name_of(engine) / path.filename()));
    }
}

TEST_CASE("what somebody has written since stays, and only ours goes" * root_only) {
    for (const auto& [engine, texts] : all_kinds()) {
        if (engine == Engine::docker) {
            continue; // another comment is no JSON
        }
        for (const auto& text : texts) {
            CAPTURE(name_of(engine));
            CAPTURE(text);
            const Setup setup(engine);
            setup.write(text);
            const auto file =
                setup.configure({.make_default = true, .remove = false, .dry_run = false}).edits.front().path;
            const auto with = test::read_file(file);
            test::write_file(file, with + "# theirs\n[theirs]\nx = 1\n");
            CHECK_FALSE(setup.configure({.make_default = true, .remove = false, .dry_run = false}).changes());
            CHECK(setup.remove().changes());
            const auto left = test::read_file(file);
            CHECK(left.ends_with("# theirs\n[theirs]\nx = 1\n"));
            CHECK(left.find("bulkhead") == std::string::npos);
            const auto config = setup.config();
            CHECK(config.default_runtime != "bulkhead");
            // What they had before says what it said.
            if (engine == Engine::containerd && text.find("default_runtime_name") != std::string::npos) {
                CHECK(left.find("runc") != std::string::npos);
            }
        }
    }
}

TEST_CASE("a change of somebody's between two of ours is kept by the removal" * root_only) {
    Setup setup(Engine::containerd);
    setup.write("version = 2\n");
    setup.configure();
    setup.write(*setup.read() + "[theirs]\n");
    setup.configure({.make_default = true, .remove = false, .dry_run = false});
    expect_shim(setup, Engine::containerd, true);
    setup.remove();
    CHECK(*setup.read() == "version = 2\n[theirs]\n");
}

TEST_CASE("without records our part is found all the same" * root_only) {
    const Setup from(Engine::containerd);
    from.write("version = 2\n[" + cri + ".containerd.runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n");
    from.configure({.make_default = true, .remove = false, .dry_run = false});
    Setup setup(Engine::containerd);
    setup.write(*from.read());
    setup.remove();
    CHECK(*setup.read() ==
          "version = 2\n[" + cri + ".containerd.runtimes.runc]\nruntime_type = \"io.containerd.runc.v2\"\n");
    const Setup docker(Engine::docker);
    docker.write(
        R"({"default-runtime": "bulkhead", "runtimes": {"bulkhead": {"path": "/usr/libexec/bulkhead/runc"}}})");
    CHECK_FALSE(docker.configure().changes()); // written by hand, and good
    docker.remove();
    CHECK(docker.all().empty());
}

TEST_CASE("notes: the shim is not there, a daemon reads another config, the CRI plugin is off" * root_only) {
    Setup setup(Engine::containerd);
    setup.node.programs = {"/usr/sbin/runc"};
    setup.node.daemons = {{.pid = 7, .arguments = {"/usr/bin/containerd", "--config", "/etc/other.toml"}},
                          {.pid = 8, .arguments = {"/usr/bin/containerd", "-c=" + setup.path()}}};
    setup.write("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n");
    const auto outcome = setup.configure();
    REQUIRE(outcome.notes.size() == 3);
    CHECK(notes_have(outcome, "/usr/bin/bulkhead-runtime is not there"));
    CHECK(notes_have(outcome, "process 7 (/usr/bin/containerd) reads /etc/other.toml"));
    CHECK(notes_have(outcome, "the CRI plugin is switched off"));
}

TEST_CASE("what was kept of a file that somebody has removed goes" * root_only) {
    Setup setup(Engine::podman);
    setup.configure();
    fs::remove(setup.path("containers.conf.d/50-bulkhead.conf"));
    CHECK_FALSE(setup.remove().changes());
    CHECK_FALSE(setup.has_records());
    setup.configure();
    fs::remove(setup.path("containers.conf.d/50-bulkhead.conf"));
    CHECK(setup.configure().changes());
    setup.remove();
    CHECK_FALSE(setup.read("containers.conf.d/50-bulkhead.conf"));
}

TEST_CASE("owner, mode and a symlink stay; what others could write to is refused" * root_only) {
    Setup setup(Engine::docker);
    fs::create_directories(setup.path("real"));
    setup.write("{}", "real/conf");
    fs::create_symlink("real/conf", setup.path());
    REQUIRE(::chmod(setup.path("real/conf").c_str(), 0640) == 0);
    REQUIRE(::chown(setup.path("real/conf").c_str(), 0, 7) == 0);
    setup.configure();
    struct ::stat status{};
    REQUIRE(::lstat(setup.path().c_str(), &status) == 0);
    CHECK(S_ISLNK(status.st_mode));
    REQUIRE(::lstat(setup.path("real/conf").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777U) == 0640);
    CHECK(status.st_gid == 7);
    CHECK(setup.read("real/conf")->find("bulkhead") != std::string::npos);
    setup.remove();
    CHECK(*setup.read("real/conf") == "{}");

    REQUIRE(::chmod(setup.path("real").c_str(), 0777) == 0);
    setup.expect_refused("real is not root's alone to write");
    fs::remove_all(setup.path("real"));
    setup.expect_refused("is a symlink to something that is not there");
    fs::remove(setup.path());
    fs::create_directory(setup.path());
    setup.expect_refused("is not a regular file");
}

TEST_CASE("what cannot be read is refused" * root_only) {
    Setup setup(Engine::docker);
    setup.write(std::string((1U << 20U) + 1, ' '));
    setup.expect_refused("is larger than 1048576 bytes");
}
