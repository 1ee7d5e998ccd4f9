// SPDX-License-Identifier: Apache-2.0
// The hook as a process, up to where it would touch a container.
#include "hooks/hook.h"

#include "runtime/sys/call.h"
#include "support/child.h"
#include "support/temporary_directory.h"
#include "support/trusted_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using test::TemporaryDirectory;

namespace {

struct Outcome {
    int status = -1;
    std::string error_output;
};

int no_log(long number) { return number == SYS_socket ? EACCES : 0; }

Outcome run_hook_on(const TemporaryDirectory& directory, const std::string& input, std::vector<std::string> stage,
                    const std::string& config = "", int (*decide)(long) = &no_log) {
    std::vector<std::string> words{"bulkhead-hook", "--config", config.empty() ? directory.path("config.json") : config,
                                   "--state-dir", directory.path("state")};
    words.insert(words.end(), stage.begin(), stage.end());
    const pid_t child = ::fork();
    if (child == 0) {
        sys::intercept(decide);
        ::dup2(::open(input.c_str(), O_RDONLY), STDIN_FILENO);
        ::dup2(::open(directory.path("stderr").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
        std::vector<char*> arguments;
        arguments.reserve(words.size());
        for (auto& word : words) {
            arguments.push_back(word.data());
        }
        ::_exit(hook::run(arguments));
    }
    const int status = test::wait_for(child);
    return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .error_output = directory.read("stderr")};
}

Outcome run_hook(const TemporaryDirectory& directory, const std::string& input, std::vector<std::string> stage,
                 const std::string& config = "") {
    directory.write("stdin", input);
    return run_hook_on(directory, directory.path("stdin"), std::move(stage), config);
}

std::string state(const std::string& status, const std::string& annotation, const std::string& bundle = "/no/bundle",
                  const std::string& pid = "1") {
    return R"({"ociVersion":"1.0.2","id":"web","pid":)" + pid + R"(,"status":")" + status + R"(","bundle":")" + bundle +
           R"(","annotations":{")" + annotation + R"(":"1Mi"}})";
}

std::string cut_off(const std::string& text) { return text.substr(0, text.size() - 1); }

const std::string ours = "io.bulkhead.shm-size";
const std::vector<std::string> create{"createRuntime"};
const std::vector<std::string> poststop{"poststop"};
const std::vector<std::string> no_stage;

struct Row {
    std::string what;
    std::string input;
    std::vector<std::string> stage;
    int status;
    std::string said; // the end of the line, or ""
};

void check(const std::vector<Row>& table) {
    for (const auto& row : table) {
        CAPTURE(row.what);
        const TemporaryDirectory directory;
        const auto outcome = run_hook(directory, row.input, row.stage);
        CHECK(outcome.status == row.status);
        if (row.said.empty()) {
            CHECK(outcome.error_output == "");
        } else {
            CHECK(outcome.error_output.starts_with("bulkhead: "));
            CHECK(outcome.error_output.contains(row.said));
            CHECK(outcome.error_output.ends_with("\n"));
        }
    }
}

std::string bundle_with(const TemporaryDirectory& directory, const std::string& annotations) {
    directory.write("bundle/config.json", R"({"root":{"path":"rootfs"},"annotations":{)" + annotations + "}}");
    return directory.path("bundle");
}

} // namespace

TEST_CASE("what does not name us ends well and silent, whatever it is") {
    check({
        {"another's container", state("created", "org.example"), create, 0, ""},
        {"another's, no stage", state("created", "org.example"), no_stage, 0, ""},
        {"another's poststop", state("stopped", "org.example"), poststop, 0, ""},
        {"garbage", "garbage", create, 0, ""},
        {"garbage, no stage", "garbage", no_stage, 0, ""},
        {"another's, running", state("running", "org.example"), no_stage, 0, ""},
        {"too long", std::string(2UL << 20U, ' '), no_stage, 0, ""},
    });
}

TEST_CASE("what names us and cannot be understood is code 65") {
    check({
        {"cut off", cut_off(state("created", ours)), create, 65, "JSON is malformed or cut off"},
        {"no object", "[\"io.bulkhead.\"]", create, 65, "JSON is not an object"},
        {"no object, no stage", "[\"io.bulkhead.\"]", no_stage, 65, "JSON is not an object"},
        {"too long", std::string(2UL << 20U, ' ') + "io.bulkhead.", create, 65, "the state is larger than 1 MiB"},
        {"running", state("running", ours), no_stage, 65,
         "the state's status tells no stage of this hook; register it for createRuntime and poststop alone"},
        {"unheard of", state("paused", ours), no_stage, 65, "the state's status tells no stage"},
        {"nothing at all", "", create, 65, "standard input is empty or closed: there is no state on it"},
        {"nothing at all, no stage", "", no_stage, 65, "there is no state on it"},
    });
}

TEST_CASE("poststop ends well whatever comes") {
    check({
        {"garbage", "[\"io.bulkhead.\"]", poststop, 0, ""},
        {"nothing at all", "", poststop, 0, ""},
        {"nothing there", state("stopped", ours), poststop, 0, ""},
        {"nothing there, no stage", state("stopped", ours), no_stage, 0, ""},
        {"too long", std::string(2UL << 20U, ' ') + "io.bulkhead.", poststop, 0, ""},
    });
}

TEST_CASE("stdin that cannot be read is told, but for poststop's sake") {
    for (const auto& [stage, status] : {std::pair(create, 71), std::pair(poststop, 0), std::pair(no_stage, 71)}) {
        const TemporaryDirectory directory;
        std::filesystem::create_directory(directory.path("stdin-directory"));
        const auto outcome = run_hook_on(directory, directory.path("stdin-directory"), stage);
        CHECK(outcome.status == status);
        CHECK(outcome.error_output == (status == 0 ? "" : "bulkhead: read: Is a directory\n"));
        CHECK(!directory.has("state/containers"));
    }
}

TEST_CASE("poststop makes nothing") {
    const TemporaryDirectory directory;
    CHECK(run_hook(directory, state("stopped", ours), poststop).status == 0);
    CHECK(!directory.has("state"));
}

TEST_CASE("a command line that is none is code 78, after stdin was read") {
    check({
        {"stage", state("created", ours), {"createContainer"}, 78, "unexpected argument \"createContainer\""},
        {"option", state("created", "org.example"), {"--state-dir", "x"}, 78, "--state-dir needs an absolute path"},
        {"poststop", state("stopped", ours), {"--state-dir", "x"}, 0, ""},
        {"no state", "", {"--state-dir", "x"}, 78, "--state-dir needs an absolute path"},
    });
}

#if !defined(BULKHEAD_SANITIZED) // where there is no filter to fail
TEST_CASE("a command line that is none is code 78 where the kernel has no filters, too") {
    for (const std::string status : {"created", "stopped"}) {
        const TemporaryDirectory directory;
        directory.write("stdin", state(status, ours));
        const auto outcome = run_hook_on(directory, directory.path("stdin"), {"createContainer"}, "",
                                         [](long number) { return number == SYS_seccomp ? EINVAL : no_log(number); });
        CHECK(outcome.status == 78);
        CHECK(outcome.error_output.contains("unexpected argument \"createContainer\""));
    }
}
#endif

TEST_CASE("a rootless engine is told so, and only where it asks for something (not as root)" *
          doctest::skip(geteuid() == 0)) {
    check({
        {"asking", state("created", ours), create, 69, "web: bulkhead needs root on the node"},
        {"not asking", state("created", "org.example"), create, 0, ""},
    });
}

TEST_CASE("a config that cannot be believed is not ignored (root only)" * doctest::skip(geteuid() != 0)) {
    for (const std::string name : {"config.json", "config.json.d/10-x.json"}) {
        const TemporaryDirectory directory;
        directory.write(name, "{}");
        REQUIRE(::chmod(directory.path().c_str(), 0777) == 0);
        const auto bundle = bundle_with(directory, R"("io.bulkhead.pids-max":"7")");
        const auto outcome = run_hook(directory, state("created", ours, bundle), create);
        CHECK(outcome.status == 78);
        CHECK(outcome.error_output.contains("is not root's alone to write"));
        const auto for_another = bundle_with(directory, R"("io.bulkhead.pids-max/other":"7")");
        CHECK(run_hook(directory, state("created", ours, for_another), create).status == 0);
        CHECK(run_hook(directory, state("created", "org.example"), create).status == 0);
        CHECK(run_hook(directory, state("stopped", ours), poststop).status == 0);
    }
}

TEST_CASE("createRuntime without a bundle, or with one that asks for nothing (root only)" *
          doctest::skip(geteuid() != 0)) {
    const TemporaryDirectory directory;
    auto outcome = run_hook(directory, state("creating", ours), no_stage);
    CHECK(outcome.status == 65);
    CHECK(outcome.error_output == "bulkhead: web: /no/bundle/config.json is not there; the state's bundle is wrong\n");
    const auto bundle = bundle_with(directory, R"("org.example":"x")");
    outcome = run_hook(directory, state("created", ours, bundle), create);
    CHECK(outcome.status == 0);
    CHECK(outcome.error_output == "");
    CHECK(!directory.has("state/containers"));
}

TEST_CASE("createRuntime refuses what config.json asks for, with the code of the reason (root only)" *
          doctest::skip(geteuid() != 0)) {
    const std::vector<std::pair<std::string, int>> table{
        {R"("io.bulkhead.shmsize":"1Mi")", 64},
        {R"("io.bulkhead.shm-size":"512m")", 64},
        {R"("io.bulkhead.shm-size":"9223372036854775807")", 77},
        {R"("io.bulkhead.memory-low":"1Mi")", 77},
        {R"("io.bulkhead.shm-size":"1Mi","io.kubernetes.cri.sandbox-id":"x","io.kubernetes.cri-o.SandboxID":"y")", 77},
        {R"("io.bulkhead.shm-size/web":"1Mi","io.kubernetes.cri.sandbox-id":"x")", 65},
        {R"("io.bulkhead.shm-size":1)", 65},
        {R"("io.bulkhead.shm-size":"1Mi","io.kubernetes.cri.container-type":"sandbox")", 0},
        {R"("io.bulkhead.shm-size":"1Mi","io.kubernetes.cri-o.ContainerType":"sandbox")", 65}, // not believed
        {R"("io.bulkhead.shm-size/other":"1Mi")", 0},
        {R"("io.bulkhead.shm-size":"1Mi")", 65}, // pid 1 is nobody's container
    };
    for (const auto& [annotations, status] : table) {
        CAPTURE(annotations);
        const TemporaryDirectory directory;
        const auto bundle = bundle_with(directory, annotations);
        CHECK(run_hook(directory, state("created", ours, bundle), create).status == status);
        CHECK(!directory.has("state/containers"));
    }
}

TEST_CASE("createRuntime without a process, or with one that is gone (root only)" * doctest::skip(geteuid() != 0)) {
    const TemporaryDirectory directory;
    const auto bundle = bundle_with(directory, R"("io.bulkhead.shm-size":"1Mi")");
    auto outcome = run_hook(directory, state("created", ours, bundle, "0"), create);
    CHECK(outcome.status == 65);
    CHECK(outcome.error_output == "bulkhead: web: the state names no process (pid is missing, 0 or 1); register the "
                                  "hook for createRuntime and poststop alone, and without a stage if it is for both\n");
    const test::IdleProcess process;
    process.become_zombie();
    outcome = run_hook(directory, state("created", ours, bundle, std::to_string(process.pid())), create);
    CHECK(outcome.status == 71);
    CHECK(outcome.error_output ==
          "bulkhead: web: process " + std::to_string(process.pid()) + " of the container is gone\n");
    CHECK(!directory.has("state/containers"));
}

TEST_CASE("defaults concern containers that do not name us, as far as they are for them (root only)" *
          doctest::skip(geteuid() != 0)) {
    const std::string all = R"({"defaults":{"pids-max":5}})";
    const std::string some = R"({"rules":[{"namespace":"prod","defaults":{"pids-max":5}}]})";
    const std::string prod = R"("io.kubernetes.cri.sandbox-namespace":"prod")";
    const std::string nobody = "the state names no process"; // how far it comes where something is to be done
    const std::string sandbox = R"("io.kubernetes.cri.container-type":"sandbox")";
    const struct {
        std::string config, annotations;
        int status;
        std::string said;
    } table[] = {
        {all, "", 65, nobody},
        {all, prod, 65, nobody},
        {all, sandbox, 0, ""},
        {all, R"("io.bulkhead.pids-max/other":"7")", 65, nobody},
        {some, "", 0, ""},
        {some, prod, 65, nobody},
        {some, R"("io.kubernetes.cri.sandbox-namespace":"other")", 0, ""},
        {some, R"("io.kubernetes.cri.sandbox-id":"x")", 65, "do not tell the pod's namespace"},
        {"{}", prod, 0, ""},
        {R"({"defaults":{"pids-max":5},"dsk":{}})", prod, 78, R"(: dsk is not known to this version)"},
        {R"({"defaults":{"pids-max":0}})", prod, 78, ": defaults.pids-max is 0"},
        {R"({"dsk":{},"rules":[{"namespace":"prod","defaults":{"pids-max":5}}]})", "", 0, ""},
        {R"({"dsk":{},"rules":[{"namespace":"prod","defaults":{"pids-max":5}}]})", prod, 78, "dsk is not known"},
        {R"({"dsk":{}})", "", 0, ""},
        {"{", prod, 0, ""},
    };
    for (const auto& [config, annotations, status, said] : table) {
        CAPTURE(config);
        CAPTURE(annotations);
        const TemporaryDirectory directory;
        const test::TrustedDirectory trusted;
        trusted.write("bulkhead.json", config);
        const auto bundle = bundle_with(directory, annotations);
        for (const auto& stage : {create, no_stage}) {
            const auto outcome =
                run_hook(directory, state("created", "org.example", bundle), stage, trusted.path("bulkhead.json"));
            CHECK(outcome.status == status);
            CHECK(outcome.error_output.contains(said));
            CHECK((status != 0 || outcome.error_output.empty()));
        }
        CHECK(run_hook(directory, state("stopped", "org.example", bundle), no_stage, trusted.path("bulkhead.json"))
                  .status == 0);
    }
}

TEST_CASE("with defaults, what cannot be read is not let through (root only)" * doctest::skip(geteuid() != 0)) {
    const TemporaryDirectory directory;
    const test::TrustedDirectory trusted;
    trusted.write("bulkhead.json", R"({"defaults":{"pids-max":5}})");
    const auto config = trusted.path("bulkhead.json");
    CHECK(run_hook(directory, cut_off(state("created", "org.example")), create, config).status == 65);
    CHECK(run_hook(directory, cut_off(state("created", "org.example")), poststop, config).status == 0);
    CHECK(run_hook(directory, state("created", "org.example"), create, config).status == 65); // there is no bundle
    CHECK(run_hook(directory, cut_off(state("created", "org.example")), create).status == 0);
}
