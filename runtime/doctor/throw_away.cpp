// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/throw_away.h"

#include "runtime/doctor/program.h"
#include "runtime/doctor/runtimes.h"
#include "runtime/doctor/tar.h"
#include "runtime/engines/program.h"
#include "runtime/oci/annotation.h"
#include "runtime/sys/file.h"
#include "runtime/sys/signals.h"

#include <algorithm>
#include <memory>
#include <unistd.h>

namespace bulkhead::doctor {

namespace {

using engines::Engine;
using Words = std::vector<std::string>;

constexpr std::chrono::seconds patience(60);
constexpr std::string_view inside = "/bulkhead-probe";

Words operator+(Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

// What `text` is for other programs, while `file` is open.
std::string path_for_others(BorrowedFd file) {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(file.number());
}

std::string first_line(const std::string& output) {
    const auto begin = output.find_first_not_of(" \n");
    return begin == std::string::npos ? "" : output.substr(begin, output.find('\n', begin) - begin);
}

Result<sys::Outcome> succeed(const Words& command) {
    TRY_ASSIGN(auto outcome, sys::run_program(command, patience));
    if (outcome.status != 0) {
        return fail(Code::system, command[0] + " " + command[1] + ": " + first_line(outcome.output));
    }
    return outcome;
}

Result<std::string> contents_of(const std::string& path) {
    constexpr std::size_t largest_program = 64UL << 20U;
    TRY_ASSIGN(const auto file, sys::open_at(sys::working_directory, path, O_RDONLY));
    return sys::read_all(file.borrow(), largest_program);
}

Result<std::string> root_with(const std::string& program) {
    TRY_ASSIGN(const auto content, contents_of(program));
    Tar root;
    for (const auto* const directory : {"dev", "etc", "proc", "sys"}) {
        root.add_directory(directory);
    }
    root.add_file(inside.substr(1), content, 0755);
    return root.text();
}

Result<std::string> sha256_of(const std::string& text) {
    TRY_ASSIGN(const auto file, sys::memory_file(text));
    TRY_ASSIGN(const auto outcome, succeed({"/usr/bin/sha256sum", path_for_others(file.borrow())}));
    return outcome.output.substr(0, outcome.output.find(' '));
}

// As `docker save` writes it, for ctr.
Result<std::string> docker_archive(const std::string& layer, const std::string& image) {
    TRY_ASSIGN(const auto digest, sha256_of(layer));
    Tar archive;
    archive.add_file("layer.tar", layer, 0644);
    archive.add_file("config.json",
                     R"({"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers",)"
                     R"("diff_ids":["sha256:)" +
                         digest + R"("]}})",
                     0644);
    archive.add_file("manifest.json",
                     R"([{"Config":"config.json","RepoTags":[")" + image + R"("],"Layers":["layer.tar"]}])", 0644);
    return archive.text();
}

// The commands of one engine.
class Commands {
public:
    Commands(const Commands&) = delete;
    Commands& operator=(const Commands&) = delete;
    virtual ~Commands() = default;

    [[nodiscard]] virtual Result<std::string> archive(const std::string& root) const = 0;
    [[nodiscard]] virtual Words import(const std::string& file) const = 0;
    [[nodiscard]] virtual Words run(const Words& annotations) const = 0; // the image is the last word, or the name
    [[nodiscard]] virtual std::vector<Words> removal() const = 0;

protected:
    Commands() = default;
    std::string name_ = "bulkhead-doctor-" + std::to_string(::getpid());
};

// podman's, and docker's, which are the same.
class DockerLike : public Commands {
public:
    DockerLike(std::string program, const std::string& registry)
        : program_(std::move(program)), image_(registry + name_ + ":latest") {}

    [[nodiscard]] Result<std::string> archive(const std::string& root) const override { return root; }
    [[nodiscard]] Words import(const std::string& file) const override { return {program_, "import", file, image_}; }
    [[nodiscard]] Words run(const Words& annotations) const override {
        return Words{program_, "run", "--rm", "--name", name_, "--network", "none", "--pull", "never"} + annotations +
               Words{image_};
    }
    [[nodiscard]] std::vector<Words> removal() const override {
        return {{program_, "rm", "--force", name_}, {program_, "rmi", image_}};
    }

private:
    std::string program_;
    std::string image_;
};

class Ctr : public Commands {
public:
    Ctr(const std::string& program, std::string runtime)
        : ctr_{program, "--namespace", name_}, runtime_(std::move(runtime)),
          image_("docker.io/library/" + name_ + ":latest") {}

    [[nodiscard]] Result<std::string> archive(const std::string& root) const override {
        return docker_archive(root, name_ + ":latest");
    }
    [[nodiscard]] Words import(const std::string& file) const override {
        return ctr_ + Words{"images", "import", file};
    }
    [[nodiscard]] Words run(const Words& annotations) const override {
        return ctr_ + Words{"run", "--rm", "--runc-binary", runtime_} + annotations + Words{image_, name_};
    }
    [[nodiscard]] std::vector<Words> removal() const override {
        return {ctr_ + Words{"containers", "rm", name_},
                ctr_ + Words{"images", "rm", "--sync", image_},
                {ctr_[0], "namespaces", "rm", name_}};
    }

private:
    Words ctr_;
    std::string runtime_;
    std::string image_;
};

Result<std::string> command_of(const char* name) {
    const auto program = engines::find_program(name);
    return program ? Result<std::string>(*program)
                   : fail(Code::unsupported, std::string(name) + ", its command, is not installed");
}

Result<void> require_annotations(const std::string& docker) {
    TRY_ASSIGN(const auto help, sys::run_program({docker, "run", "--annotation", "a=b", "--help"}, patience));
    return help.status == 0 ? Result<void>() : fail(Code::unsupported, "docker before 25 has no annotations");
}

// containerd's own command takes the runtime by its path, not by the handler.
Result<std::unique_ptr<Commands>> commands_of_containerd(const engines::EngineConfig& config) {
    TRY_ASSIGN(const auto program, command_of("ctr"));
    const auto ours = std::ranges::find_if(config.runtimes, is_ours);
    if (ours == config.runtimes.end()) {
        return fail(Code::unsupported, "no handler is the shim, and its command knows no base_runtime_spec");
    }
    return std::make_unique<Ctr>(program, ours->paths.front());
}

Result<std::unique_ptr<Commands>> commands_of(const PresentEngine& engine) {
    if (engine.engine == Engine::crio) {
        return fail(Code::unsupported, "only the kubelet starts containers by it; start a pod that asks for limits");
    }
    if (engine.engine == Engine::podman) {
        TRY_ASSIGN(const auto program, command_of("podman"));
        return std::make_unique<DockerLike>(program, "localhost/");
    }
    if (!engine.daemon || !engine.daemon->config.empty()) {
        return fail(Code::unsupported,
                    engine.daemon ? "its daemon is another than its command talks to" : "its daemon does not run");
    }
    if (engine.engine == Engine::containerd) {
        return commands_of_containerd(engine.config);
    }
    TRY_ASSIGN(const auto program, command_of("docker"));
    TRY(require_annotations(program));
    return std::make_unique<DockerLike>(program, "");
}

Result<sys::Outcome> import_and_run(const Commands& commands, const std::string& program, const Words& annotations,
                                    const Words& arguments) {
    TRY_ASSIGN(const auto root, root_with(program));
    TRY_ASSIGN(const auto archive, commands.archive(root));
    TRY_ASSIGN(const auto file, sys::memory_file(archive));
    TRY(succeed(commands.import(path_for_others(file.borrow()))));
    if (sys::PostponedSignals::any()) {
        return fail(Code::busy, "interrupted");
    }
    return sys::run_program(commands.run(annotations) + Words{std::string(inside)} + arguments, patience);
}

} // namespace

Result<sys::Outcome> run_throw_away(const PresentEngine& engine, const std::string& program,
                                    const std::map<std::string, std::uint64_t>& annotations,
                                    const std::vector<std::string>& arguments) {
    TRY_ASSIGN(const auto commands, commands_of(engine));
    Words words;
    for (const auto& [key, value] : annotations) {
        words.emplace_back("--annotation");
        words.push_back(std::string(oci::our_prefix) + key + "=" + std::to_string(value));
    }
    const sys::PostponedSignals signals; // who breaks it off would leave image and container behind
    auto outcome = import_and_run(*commands, program, words, arguments);
    sys::PostponedSignals::keep_from_programs();
    constexpr std::chrono::seconds when_told_to_end(20);
    for (const auto& command : commands->removal()) { // whatever of it is there
        static_cast<void>(sys::run_program(command, sys::PostponedSignals::any() ? when_told_to_end : patience));
    }
    return outcome;
}

} // namespace bulkhead::doctor
