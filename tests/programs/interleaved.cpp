// SPDX-License-Identifier: Apache-2.0
//
// interleaved RUNS [NAME [from=FILE to=FILE]... [before=SH] [after=SH] [in=FILE] COMMAND ARG... --]...
//
// Runs each COMMAND once in a round, RUNS rounds, each time in another order, and says of each the median of its wall
// time (us, from the fork to the end), the median of its paired differences from the first command's in the same round
// (us), what the median is in proportion to the first one's, 1 + difference / the first one's median, and the most
// memory that it had (KiB). Before each run, not timed, FILE is copied to FILE: what a command changes is as it was.
// So are the shell commands that come before and after it. "in" is its standard input. A command that fails ends it
// all.
//
// Each line is kept as well, by bench_line.h.
#include "bench_line.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using Microseconds = double;

struct Command {
    const char* name = nullptr;
    std::vector<std::pair<std::string, std::string>> copies;
    const char* before = nullptr;
    const char* after = nullptr;
    const char* input = "/dev/null";
    std::vector<char*> words; // ends with a null
    std::vector<Microseconds> times;
    long memory = 0;
};

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "interleaved: %s\n", what.c_str());
    std::exit(2);
}

// NAME, its settings, the command's words up to "--"; the next one begins behind that.
Command parse(char**& argument, char** end) {
    Command command;
    command.name = *argument++;
    std::string from;
    for (; argument != end; ++argument) {
        const std::string_view word = *argument;
        if (word.starts_with("from=")) {
            from = word.substr(5);
        } else if (word.starts_with("to=")) {
            command.copies.emplace_back(from, word.substr(3));
        } else if (word.starts_with("before=")) {
            command.before = *argument + 7;
        } else if (word.starts_with("after=")) {
            command.after = *argument + 6;
        } else if (word.starts_with("in=")) {
            command.input = *argument + 3;
        } else {
            break;
        }
    }
    while (argument != end && std::string_view(*argument) != "--") {
        command.words.push_back(*argument++);
    }
    command.words.push_back(nullptr);
    argument += argument != end ? 1 : 0;
    if (command.words.size() < 2) {
        die(std::string(command.name) + ": no command");
    }
    return command;
}

[[noreturn]] void become(const Command& command, int input, int output) {
    ::dup2(input, 0);
    ::dup2(output, 1);
    ::execv(command.words[0], command.words.data());
    ::_exit(127);
}

void run_by_shell(const Command& command, const char* words) {
    if (words != nullptr && std::system(words) != 0) {
        die(std::string(command.name) + ": failed: " + words);
    }
}

void run(Command& command) {
    run_by_shell(command, command.before);
    for (const auto& [from, to] : command.copies) {
        std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
    }
    const int input = ::open(command.input, O_RDONLY | O_CLOEXEC);
    const int output = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    const auto began = std::chrono::steady_clock::now();
    const pid_t child = ::vfork();
    if (child == 0) {
        become(command, input, output);
    }
    int status = 0;
    rusage usage{};
    ::wait4(child, &status, 0, &usage);
    const std::chrono::duration<Microseconds, std::micro> took = std::chrono::steady_clock::now() - began;
    ::close(input);
    ::close(output);
    if (status != 0) {
        die(std::string(command.name) + ": failed with " + std::to_string(WEXITSTATUS(status)));
    }
    run_by_shell(command, command.after);
    command.times.push_back(took.count());
    command.memory = std::max(command.memory, usage.ru_maxrss);
}

Microseconds median(std::vector<Microseconds> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void keep(const Command& command, Microseconds difference, double ratio) {
    std::array<char, 128> members{};
    std::snprintf(members.data(), members.size(), R"("us":%.1f,"difference":%.1f,"kib":%ld)", median(command.times),
                  difference, command.memory);
    keep_bench_line(command.name, ratio, members.data());
}

void tell(const Command& command, const Command& first) {
    std::vector<Microseconds> differences;
    for (std::size_t i = 0; i < first.times.size(); ++i) {
        differences.push_back(command.times[i] - first.times[i]);
    }
    const auto base = median(first.times);
    const auto difference = median(differences);
    const auto ratio = 1 + (difference / base);
    std::printf("%-28s %9.0f us  %+8.0f us  %6.3f  %6ld KiB\n", command.name, median(command.times), difference, ratio,
                command.memory);
    keep(command, difference, ratio);
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 4) {
        die("usage: interleaved RUNS [NAME [from=FILE to=FILE]... [in=FILE] COMMAND ARG... --]...");
    }
    std::vector<Command> commands;
    for (char** argument = argv + 2; argument < argv + argc;) {
        commands.push_back(parse(argument, argv + argc));
    }
    const auto rounds = std::strtoul(argv[1], nullptr, 10);
    for (auto& command : commands) {
        run(command); // to warm up
        command.times.clear();
    }
    std::vector<Command*> order;
    for (auto& command : commands) {
        order.push_back(&command);
    }
    std::mt19937 dice(1); // the same in every run
    for (std::size_t round = 0; round < rounds; ++round) {
        std::ranges::shuffle(order, dice); // what the one leaves for the kernel to clear away, all of them feel alike
        for (auto* const command : order) {
            run(*command);
        }
    }
    for (const auto& command : commands) {
        tell(command, commands.front());
    }
}
