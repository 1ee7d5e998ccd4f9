// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/trial.h"

#include "support/node_config.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using doctor::Trial;
using doctor::Words;

namespace {

doctor::Node node_with(const std::string& config) {
    doctor::Node node;
    node.reading.config = test::sound_config(config);
    return node;
}

// "LINK VERDICT: REASON" of what is not well.
std::string judged(const Trial& trial, const Words& words) {
    std::vector<doctor::Check> checks;
    doctor::Section section(checks, "podman");
    judge_trial(section, trial, words);
    std::string text;
    for (const auto& check : checks) {
        if (check.finding.verdict != doctor::Verdict::ok) {
            text += check.id + " " + std::string(name_of(check.finding.verdict)) + ": " + check.finding.reason + "\n";
        }
    }
    return text;
}

const Words good{{"shm-size", "4194304"},
                 {"memory-max", "67108864"},
                 {"pids-max", "64"},
                 {"written", "8323072"},
                 {"lift", "Inappropriate ioctl for device"},
                 {"written-after", "8388608"}};

Words with(const std::string& name, const std::string& value) {
    auto words = good;
    words[name] = value;
    return words;
}

} // namespace

TEST_CASE("it asks for what it may, and for no more") {
    CHECK(doctor::trial_for(node_with("{}"), true, true).limits ==
          std::map<std::string, std::uint64_t>{
              {"shm-size", 4U << 20U}, {"memory-max", 64U << 20U}, {"pids-max", 64}, {"disk-size", 8U << 20U}});
    CHECK(doctor::trial_for(node_with("{}"), false, true).limits.contains("disk-size") == false);
    const auto few = node_with(R"({"rules": [{"allow": ["pids-max"], "max": {"pids-max": 10}}]})");
    CHECK(doctor::trial_for(few, true, true).limits == std::map<std::string, std::uint64_t>{{"pids-max", 10}});
}

TEST_CASE("what the probe said") {
    CHECK(doctor::words_of("a 1\nb two words\n\nc\nd 4") == Words{{"a", "1"}, {"b", "two words"}, {"d", "4"}});
    CHECK(doctor::words_of("").empty());
}

TEST_CASE("limits as they are met from inside") {
    const auto guarded = doctor::trial_for(node_with("{}"), true, true);
    const auto bare = doctor::trial_for(node_with("{}"), true, false);
    CHECK(judged(guarded, good).empty());
    CHECK(judged(guarded, with("pids-max", "32")).empty()); // the engine's
    CHECK(judged(guarded, with("shm-size", "67108864")) ==
          "podman.run-shm failed: the container asked for 4194304 and has 67108864\n");
    CHECK(judged(guarded, with("memory-max", "max")) ==
          "podman.run-memory failed: the container asked for 67108864 and has max\n");
    auto untold = good;
    untold.erase("pids-max");
    CHECK(judged(guarded, untold) ==
          "podman.run-pids skipped: this engine's command mounts no cgroup, so that it cannot "
          "be told from inside\n");
    CHECK(
        judged(guarded, {}).starts_with("podman.run-disk failed: the container asked for 8388608 and wrote nothing\n"));
    CHECK(judged(guarded, with("written", "16777216")) ==
          "podman.run-disk failed: the container asked for 8388608 and wrote 16777216\n");
    CHECK(judged(guarded, with("written", "0")) ==
          "podman.run-disk failed: the container asked for 8388608 and wrote 0\n"); // its disk is just full
    auto lifted = with("lift", "done");
    lifted["written-after"] = "16777216";
    const std::string off = ": the container took its disk limit off, and wrote 16777216\n";
    CHECK(judged(guarded, lifted) == "podman.run-guard failed" + off);
    CHECK(judged(bare, lifted) == "podman.run-guard warning" + off);
    CHECK(judged(guarded, with("lift", "done")) ==
          "podman.run-guard failed: the container took its disk limit off, and wrote 8388608\n");
}
