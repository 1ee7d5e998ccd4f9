// SPDX-License-Identifier: Apache-2.0
// A runtime's command line, a word a line; and what becomes of an update's limits in it.
#include "runtime/shim/command_line.h"
#include "runtime/shim/update.h"

#include "fuzz.h"

#include <string>
#include <vector>

namespace bulkhead::fuzz {

namespace {

using Words = std::vector<std::string>;

std::vector<char*> pointers_to(Words& words) {
    std::vector<char*> pointers;
    for (auto& word : words) {
        pointers.push_back(word.data());
    }
    return pointers;
}

void check(Words words, shim::Dialect dialect) {
    const auto pointers = pointers_to(words);
    const std::span<char* const> arguments(pointers);
    const auto invocation = shim::parse_command_line(arguments, dialect);
    for (const auto& place : invocation.limits) {
        require(place.word < words.size() && place.offset <= words[place.word].size(), "a limit stands in the line");
    }
    if (invocation.command != shim::Command::update) {
        return;
    }
    const shim::Promised promised{.memory = 1U << 20U, .swap = 0, .pids = 10};
    auto clamped = shim::clamp_arguments(arguments, invocation, promised);
    if (!clamped) {
        require_sound(clamped.error());
        return;
    }
    require(clamped->size() >= words.size(), "no word goes");
    // What was clamped once is clamped.
    const auto again_pointers = pointers_to(*clamped);
    const std::span<char* const> again(again_pointers);
    const auto twice = shim::clamp_arguments(again, shim::parse_command_line(again, dialect), promised);
    require(twice && *twice == *clamped, "limits that are kept are kept");
}

} // namespace

void fuzz(std::string_view input) {
    Words words{"runtime"};
    while (!input.empty()) {
        const auto line = take_line(input);
        words.emplace_back(line.substr(0, line.find('\0')));
    }
    for (const auto* const program : {"runc", "crun"}) {
        check(words, shim::dialect_of(program));
    }
}

} // namespace bulkhead::fuzz
