// SPDX-License-Identifier: Apache-2.0
// A node with engines' configs on it, for tests of configure.
#pragma once

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

namespace bulkhead::test {

using engines::ConfigureOutcome;
using engines::Engine;
using Strings = std::vector<std::string>;

namespace fs = std::filesystem;

inline const auto root_only = doctest::skip(geteuid() != 0);

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

inline bool notes_have(const ConfigureOutcome& outcome, std::string_view word) {
    return std::ranges::any_of(outcome.notes,
                               [&](const std::string& note) { return note.find(word) != std::string::npos; });
}

const std::string cri = "plugins.\"io.containerd.grpc.v1.cri\"";
const std::string cri3 = "plugins.'io.containerd.cri.v1.runtime'";

// What it is for: the runtime is the shim, and lets through what is ours alone.
inline void expect_shim(const Setup& setup, Engine engine, bool is_default) {
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

} // namespace bulkhead::test
