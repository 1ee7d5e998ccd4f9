// SPDX-License-Identifier: Apache-2.0
//
// storm COUNT AT_ONCE ROUNDS LOG [variant NAME -- [STEP COMMAND ARG... --]...]...
//
// Starts COUNT containers of each variant, AT_ONCE of them at a time: each goes through the steps one after the other,
// and when it has, the next one begins. "{}" in a word is the container's number, from 1. The variants take turns,
// ROUNDS times with a part of the containers each, as a machine is not the same from one minute to the next.
//
// Says of each variant how many containers it did in a second, and of each step its wall time in ms, from the fork to
// the end: median, 95 and 99 of 100, the longest. What the commands say is in LOG. The first ones that fail are
// named; the exit status is 1 in the end.
//
// With BENCH_JSON in the environment each line is put at the end of that file as well, as an object; "ratio" is that of
// the medians, or of the time that the whole took, to the first variant's.
#include "bench_line.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

struct Step {
    std::string name;
    std::vector<std::string> words;
    std::vector<double> times;
};

struct Variant {
    std::string name;
    std::vector<Step> steps;
    Milliseconds took{};
    std::size_t done = 0;
    std::size_t failed = 0;
};

struct Running {
    std::size_t container = 0;
    std::size_t step = 0;
    Clock::time_point began;
};

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "storm: %s\n", what.c_str());
    std::exit(2);
}

std::vector<Variant> parse(char** argument, char** end) {
    std::vector<Variant> variants;
    while (argument != end) {
        std::vector<std::string> words;
        for (; argument != end && std::string_view(*argument) != "--"; ++argument) {
            words.emplace_back(*argument);
        }
        argument += argument != end ? 1 : 0;
        if (words.size() < 2) {
            die("a step without a command");
        }
        if (words[0] == "variant") {
            variants.push_back({.name = words[1], .steps = {}});
        } else if (!variants.empty()) {
            variants.back().steps.push_back({.name = words[0], .words = {words.begin() + 1, words.end()}, .times = {}});
        }
    }
    return variants;
}

std::string numbered(std::string word, const std::string& number) {
    for (auto at = word.find("{}"); at != std::string::npos; at = word.find("{}")) {
        word.replace(at, 2, number);
    }
    return word;
}

class Storm {
public:
    Storm(std::size_t at_once, const char* log) : at_once_(at_once) {
        posix_spawn_file_actions_init(&files_);
        posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files_, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        posix_spawn_file_actions_adddup2(&files_, STDOUT_FILENO, STDERR_FILENO);
    }

    void rage(Variant& variant, std::size_t first, std::size_t end) {
        const auto began = Clock::now();
        auto next = first;
        while (next < end || !running_.empty()) {
            while (next < end && running_.size() < at_once_) {
                begin(variant, {.container = next++, .step = 0, .began = {}});
            }
            end_one(variant);
        }
        variant.took += Clock::now() - began;
    }

private:
    void begin(const Variant& variant, Running running) {
        const auto number = std::to_string(running.container);
        std::vector<std::string> words;
        for (const auto& word : variant.steps[running.step].words) {
            words.push_back(numbered(word, number));
        }
        std::vector<char*> arguments;
        for (auto& word : words) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        pid_t process = 0;
        running.began = Clock::now();
        if (::posix_spawn(&process, arguments[0], &files_, nullptr, arguments.data(), environ) != 0) {
            die("cannot start " + words[0]);
        }
        running_[process] = running;
    }

    // One process: its container goes on to the next step, after a failure too, so that nothing is left.
    void end_one(Variant& variant) {
        int status = 0;
        const auto found = running_.find(::waitpid(-1, &status, 0));
        if (found == running_.end()) {
            return;
        }
        auto running = found->second;
        running_.erase(found);
        auto& step = variant.steps[running.step];
        step.times.push_back(Milliseconds(Clock::now() - running.began).count());
        if (status != 0 && ++variant.failed <= 3) {
            std::fprintf(stderr, "storm: %s: %s of container %zu failed with %d\n", variant.name.c_str(),
                         step.name.c_str(), running.container, WEXITSTATUS(status));
        }
        if (++running.step < variant.steps.size()) {
            begin(variant, running);
        } else {
            ++variant.done;
        }
    }

    std::size_t at_once_;
    posix_spawn_file_actions_t files_{};
    std::map<pid_t, Running> running_;
};

// The value that `share` of all are not above.
double quantile(const std::vector<double>& sorted, double share) {
    const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return sorted[std::min(at, sorted.size() - 1)];
}

void tell_step(const Variant& variant, const Step& step, const Step& first) {
    const auto median = quantile(step.times, 0.5);
    const auto p95 = quantile(step.times, 0.95);
    const auto p99 = quantile(step.times, 0.99);
    const auto ratio = median / quantile(first.times, 0.5);
    std::printf("  %-26s p50 %7.1f  p95 %7.1f  p99 %7.1f  max %7.1f ms  %6.3f\n", step.name.c_str(), median, p95, p99,
                step.times.back(), ratio);
    std::array<char, 128> members{};
    std::snprintf(members.data(), members.size(), R"("p50":%.2f,"p95":%.2f,"p99":%.2f,"max":%.2f)", median, p95, p99,
                  step.times.back());
    keep_bench_line(variant.name + ", " + step.name, ratio, members.data());
}

void tell(const Variant& variant, const Variant& first) {
    const auto a_second = 1000 * static_cast<double>(variant.done) / variant.took.count();
    const auto ratio = variant.took / first.took;
    std::printf("%-28s %7.1f containers a second  %6.3f  %zu failures\n", variant.name.c_str(), a_second, ratio,
                variant.failed);
    keep_bench_line(variant.name, ratio, R"("a_second":)" + std::to_string(a_second));
    for (std::size_t i = 0; i < variant.steps.size(); ++i) {
        tell_step(variant, variant.steps[i], first.steps[i]);
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 9) {
        die("usage: storm COUNT AT_ONCE ROUNDS LOG [variant NAME -- [STEP COMMAND ARG... --]...]...");
    }
    const auto count = std::strtoul(argv[1], nullptr, 10);
    const auto rounds = std::strtoul(argv[3], nullptr, 10);
    auto variants = parse(argv + 5, argv + argc);
    for (const auto& variant : variants) {
        if (variant.steps.size() != variants.front().steps.size()) {
            die(variant.name + ": not the steps of the first variant");
        }
    }
    Storm storm(std::strtoul(argv[2], nullptr, 10), argv[4]);
    for (std::size_t round = 0; round < rounds; ++round) {
        for (auto& variant : variants) {
            storm.rage(variant, 1 + (count * round / rounds), 1 + (count * (round + 1) / rounds));
        }
    }
    bool failed = false;
    for (auto& variant : variants) {
        for (auto& step : variant.steps) {
            std::ranges::sort(step.times);
        }
        tell(variant, variants.front());
        failed = failed || variant.failed > 0;
    }
    return failed ? 1 : 0;
}
