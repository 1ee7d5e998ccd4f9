// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/configure.h"

#include "runtime/engines/engine_config.h"
#include "support/temporary_directory.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <map>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using engines::ConfigureOutcome;
using engines::Engine;
using Strings = std::vector<std::string>;

namespace fs = std::filesystem;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

// A node that has what a test says; each program is another file.
struct FakeNode {
    Strings programs{"/usr/bin/bulkhead-runtime", "/usr/libexec/bulkhead/crun", "/usr/libexec/bulkhead/runc",
                     "/usr/bin/crun", "/usr/sbin/runc"};
    std::map<std::string, std::string, std::less<>> becomes{{"/usr/bin/bulkhead-runtime", "/usr/sbin/runc"},
                                                            {"/usr/libexec/bulkhead/crun", "/usr/bin/crun"},
                                                            {"/usr/libexec/bulkhead/runc", "/usr/sbin/runc"},
                                                            {"crun", "/usr/bin/crun"}};

    [[nodiscard]] engines::Node node() const {
        engines::Node made;
        made.program = [this](const std::string& path) -> std::optional<std::pair<dev_t, ino_t>> {
            const auto found = std::ranges::find(programs, same_as.contains(path) ? same_as.at(path) : path);
            return found == programs.end() ? std::nullopt
                                           : std::optional(std::pair<dev_t, ino_t>(1, found - programs.begin()));
        };
        made.becomes = [this](std::string_view called_as) -> Result<std::string> {
            const auto found = becomes.find(called_as);
            return found == becomes.end() ? fail(Code::unsupported, "no runtime to become")
                                          : Result<std::string>(found->second);
        };
        made.has_engine = has_engine;
        made.kubelet_cgroup_driver = kubelet;
        made.daemons = daemons;
        return made;
    }

    std::map<std::string, std::string> same_as; // another name of a program's
    bool has_engine = true;
    std::string kubelet;
    std::vector<engines::Daemon> daemons;
};

struct Options {
    bool make_default = false;
    bool remove = false;
    bool dry_run = false;
};

// An engine's config in a directory of the test's own, and records.
class Setup {
public:
    explicit Setup(Engine engine) : engine_(engine) {
        main_ = fs::path(main_config_of(engine)).filename();
        fs::create_directories(directory_.path("etc"));
        fs::create_directories(directory_.path("lib"));
    }

    [[nodiscard]] std::string path(const std::string& name = "") const {
        return directory_.path("etc/" + (name.empty() ? main_ : name));
    }
    void write(const std::string& text, const std::string& name = "") const {
        directory_.write("etc/" + (name.empty() ? main_ : name), text);
    }
    // nullopt where it is not there.
    [[nodiscard]] std::optional<std::string> read(const std::string& name = "") const {
        return fs::exists(path(name)) ? std::optional(test::read_file(path(name))) : std::nullopt;
    }
    // All files and directories below it, with what is in them.
    [[nodiscard]] std::map<std::string, std::string> all() const {
        std::map<std::string, std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator(directory_.path("etc"))) {
            found[entry.path()] = entry.is_regular_file() ? test::read_file(entry.path()) : "/";
        }
        return found;
    }

    [[nodiscard]] Result<ConfigureOutcome> try_configure(const Options& options = {}) const {
        return engines::configure({.engine = engine_,
                                   .main = path(),
                                   .remove = options.remove,
                                   .make_default = options.make_default,
                                   .dry_run = options.dry_run},
                                  node.node(), directory_.path("lib"));
    }
    ConfigureOutcome configure(const Options& options = {}) const { // NOLINT(modernize-use-nodiscard)
        auto outcome = try_configure(options);
        REQUIRE_MESSAGE(outcome, outcome.error().what);
        return *std::move(outcome);
    }
    ConfigureOutcome remove() const {
        return configure({.make_default = false, .remove = true, .dry_run = false});
    } // NOLINT
    void expect_refused(const std::string& why, const Options& options = {}) const {
        const auto before = all();
        const auto outcome = try_configure(options);
        REQUIRE_FALSE(outcome);
        CHECK(outcome.error().what.find(why) != std::string::npos);
        CHECK_MESSAGE(outcome.error().what.find(why) != std::string::npos, outcome.error().what);
        CHECK(all() == before);
    }
    [[nodiscard]] engines::EngineConfig config() const { return read_engine_config(engine_, path()); }
    [[nodiscard]] bool has_records() const { return !fs::is_empty(directory_.path("lib/configure")); }

    FakeNode node;

private:
    test::TemporaryDirectory directory_;
    Engine engine_;
    std::string main_;
};

bool notes_have(const ConfigureOutcome& outcome, std::string_view word) {
    return std::ranges::any_of(outcome.notes,
                               [&](const std::string& note) { return note.find(word) != std::string::npos; });
}

const std::string cri = "plugins.\"io.containerd.grpc.v1.cri\"";
const std::string cri3 = "plugins.'io.containerd.cri.v1.runtime'";

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

// What it is for: the runtime is the shim, and lets through what is ours alone.
void expect_shim(const Setup& setup, Engine engine, bool is_default) {
    const auto config = setup.config();
    CHECK(config.problems.empty());
    if (engine == Engine::podman) {
        REQUIRE(config.runtime("crun") != nullptr);
        CHECK(engines::is_shim(config.runtime("crun")->paths.front()));
        CHECK(config.runtime("crun")->paths.size() >= 2);
        return;
    }
    const auto* const runtime = config.runtime("bulkhead");
    REQUIRE(runtime != nullptr);
    REQUIRE(!runtime->paths.empty());
    CHECK(engines::is_shim(runtime->paths.front()));
    CHECK((config.default_runtime == "bulkhead") == is_default);
    if (engine == Engine::containerd) {
        CHECK(runtime->pod_annotations == Strings{"io.bulkhead.*", "io.bulkhead.*/*"});
        CHECK(config.runtime("runc") != nullptr);
    }
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
        "\n# Written by bulkhead configure; see bulkhead(8).\n[" + cri +
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

TEST_CASE("containerd: the kubelet says how cgroups are named where containerd does not" * root_only) {
    Setup setup(Engine::containerd);
    setup.node.kubelet = "systemd";
    setup.configure();
    CHECK(setup.read()->starts_with("version = 2\n\n# Written by bulkhead configure; see bulkhead(8).\n["));
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
        "# Written by bulkhead configure; see bulkhead(8).\n[engine.runtimes]\ncrun = [\"/usr/libexec/bulkhead/crun\", "
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
          "# Written by bulkhead configure; see bulkhead(8).\n[crio.runtime]\ndefault_runtime = \"bulkhead\"\n\n# "
          "Written by bulkhead "
          "configure; see bulkhead(8).\n[crio.runtime.runtimes.bulkhead]\nallowed_annotations = "
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
