// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/hook_file.h"

#include "support/temporary_directory.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using doctor::HookCondition;
using doctor::HookFile;

namespace {

HookFile read(const std::string& text) {
    const test::TemporaryDirectory directory;
    directory.write("50-bulkhead.json", text);
    return doctor::read_hook_file(directory.path("50-bulkhead.json"));
}

// With `members` in place of what a sound one has.
HookFile read_with(const std::string& hook, const std::string& when, const std::string& stages) {
    return read(R"({"version": "1.0.0", "hook": )" + hook + R"(, "when": )" + when + R"(, "stages": )" + stages + "}");
}

HookCondition when(const std::string& condition) {
    const auto file = read_with(R"({"path": "/a"})", condition, R"(["poststop"])");
    CHECK(file.problem.empty());
    return file.condition;
}

std::string problem(const std::string& hook, const std::string& condition, const std::string& stages) {
    return read_with(hook, condition, stages).problem;
}

constexpr auto key = "io.bulkhead.shm-size";

} // namespace

TEST_CASE("the files that are installed") {
    const auto file = doctor::read_hook_file(BULKHEAD_HOOKS_D "/50-bulkhead.json");
    CHECK(file.problem.empty());
    CHECK(file.is_ours());
    CHECK(file.name() == "50-bulkhead.json");
    CHECK(file.program == "/usr/libexec/oci/hooks.d/bulkhead-hook");
    CHECK(file.arguments == std::vector<std::string>{"bulkhead-hook"});
    CHECK(file.stages == std::vector<std::string>{"createRuntime", "poststop"});
    CHECK(doctor::runs_for(file.condition, key, "1Gi") == true);
    CHECK(doctor::runs_for(file.condition, "io.bulkhead.x/web", "") == true);
    CHECK(doctor::runs_for(file.condition, "a.io.bulkhead.x", "1Gi") == false);
    CHECK(doctor::runs_for(file.condition, "ioxbulkhead.x", "1Gi") == false);
    const auto always = doctor::read_hook_file(BULKHEAD_HOOKS_D "/always/50-bulkhead-always.json");
    CHECK(always.is_ours());
    CHECK(doctor::runs_for(always.condition, "a", "b") == true);
}

TEST_CASE("what an engine does not read") {
    const std::string hook = R"({"path": "/a"})";
    const std::string stages = R"(["poststop"])";
    CHECK(read("{").problem != "");
    CHECK(read("{}").problem == "version is missing");
    CHECK(read(R"({"version": "0.1.0"})").problem == "version is not 1.0.0");
    CHECK(read(R"({"version": "1.0.0"})").problem == "hook is missing");
    CHECK(problem("{}", "{}", stages) == "hook.path is missing");
    CHECK(problem(hook, "{}", "[]") == "stages is missing");
    CHECK(problem(hook, "{}", R"(["createruntime"])") == "stages: \"createruntime\" is no stage");
    CHECK(problem(hook, R"({"annotations": {"(": "a"}})", stages) == "\"(\" is no regular expression");
    CHECK(problem(hook, R"({"annotations": {"a": "["}})", stages) == "\"[\" is no regular expression");
    CHECK(problem(hook, R"({"always": "yes"})", stages) == "when.always is neither true nor false");
    CHECK(problem(hook, "{}", stages).empty());
    CHECK(read("{").is_ours()); // by its name
    CHECK_FALSE(read_with(hook, "{}", stages).is_ours());
}

TEST_CASE("for whom a hook is run") {
    CHECK(doctor::runs_for(when("{}"), key, "a") == false); // nothing holds
    CHECK(doctor::runs_for(when(R"({"always": true})"), key, "a") == true);
    CHECK(doctor::runs_for(when(R"({"always": false, "annotations": {".*": ".*"}})"), key, "a") == false);
    CHECK(doctor::runs_for(when(R"({"hasBindMounts": true, "annotations": {".*": ".*"}})"), key, "a") == false);
    CHECK(doctor::runs_for(when(R"({"hasBindMounts": false, "annotations": {".*": ".*"}})"), key, "a") == true);
    CHECK(doctor::runs_for(when(R"({"commands": [".*"], "annotations": {".*": ".*"}})"), key, "a") == false);
    CHECK(doctor::runs_for(when(R"({"annotations": {"bulkhead": "^1"}})"), key, "1Gi") == true); // not anchored
    CHECK(doctor::runs_for(when(R"({"annotations": {"bulkhead": "^1$"}})"), key, "1Gi") == false);
    CHECK(doctor::runs_for(when(R"({"annotations": {"^io": ".*", "^org": ".*"}})"), key, "a") == false); // all of them
    // Go's own.
    CHECK_FALSE(doctor::runs_for(when(R"({"annotations": {"^io\\b": ".*"}})"), key, "a").has_value());
    CHECK_FALSE(doctor::runs_for(when(R"({"annotations": {"(?i)^IO": ".*"}})"), key, "a").has_value());
    CHECK(doctor::runs_for(when(R"({"annotations": {"^io\\.bulkhead\\.": "\\\\d|1"}})"), key, "1Gi") == true);
}

TEST_CASE("a file in a later directory is read in place of one of the same name") {
    const test::TemporaryDirectory directory;
    const auto text = test::read_file(BULKHEAD_HOOKS_D "/50-bulkhead.json");
    directory.write("one/50-bulkhead.json", text);
    directory.write("one/60-other.json", "{}");
    directory.write("one/README", "not read");
    directory.write("two/50-bulkhead.json", "{}");
    directory.write("file", "");
    const auto one = directory.path("one");
    const auto two = directory.path("two");
    auto files = doctor::read_hook_files({one, directory.path("none"), two, directory.path("file")});
    REQUIRE(files.in_force.size() == 2);
    CHECK(files.in_force[0].path == two + "/50-bulkhead.json");
    CHECK(files.in_force[1].path == one + "/60-other.json");
    REQUIRE(files.masked.size() == 1);
    CHECK(files.masked[0].first.path == one + "/50-bulkhead.json");
    CHECK(files.masked[0].first.problem.empty());
    CHECK(files.masked[0].second == two + "/50-bulkhead.json");
    CHECK(files.unreadable.size() == 1);
    files = doctor::read_hook_files({one, one});
    CHECK(files.masked.empty());
    CHECK(files.in_force.size() == 2);
}
