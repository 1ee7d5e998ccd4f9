// SPDX-License-Identifier: Apache-2.0
// The filter is run here as the kernel would run it, over all numbers that any kernel has, by every architecture.
#include "hooks/filter_program.h"

#include "hooks/system_calls.h"

#include <doctest/doctest.h>
#include <elf.h>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace bulkhead;
using hook::Condition;
using hook::FilterProgram;
using hook::PermittedCall;

namespace {

using Program = std::span<const sock_filter>;

constexpr std::uint32_t refusal = SECCOMP_RET_TRAP;
constexpr std::uint32_t no_answer = 0xffffffff;     // of a program that the kernel would not have taken
constexpr std::uint32_t native = AUDIT_ARCH_X86_64; // the name of one: the program only compares it
constexpr FilterProgram hooks_own(native, hook::permitted_calls, refusal);

struct Run {
    std::uint32_t answer = no_answer;
    int steps = 0;
};

std::uint32_t word_of(const seccomp_data& data, std::uint32_t offset) {
    std::uint32_t word = 0;
    std::copy_n(reinterpret_cast<const char*>(&data) + offset, sizeof word, reinterpret_cast<char*>(&word));
    return word;
}

Run run(Program program, const seccomp_data& data) {
    Run run;
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < program.size(); ++run.steps) {
        const auto& one = program[at++];
        switch (one.code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (one.k > sizeof(seccomp_data) - 4 || one.k % 4 != 0) {
                return run;
            }
            accumulator = word_of(data, one.k);
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += accumulator == one.k ? one.jt : one.jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += accumulator >= one.k ? one.jt : one.jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += (accumulator & one.k) != 0 ? one.jt : one.jf;
            break;
        case BPF_RET | BPF_K:
            run.answer = one.k;
            return run;
        default:
            return run;
        }
    }
    return run;
}

bool holds(const Condition& condition, std::uint64_t value) {
    const auto low = static_cast<std::uint32_t>(value);
    const bool is_listed = std::ranges::find(condition.values, low) != condition.values.end();
    switch (condition.kind) {
    case Condition::Kind::none:
        return true;
    case Condition::Kind::is_one_of:
        return is_listed;
    case Condition::Kind::has_none_of:
        return (low & condition.values.front()) == 0;
    }
    return false;
}

// By the list itself.
std::uint32_t right_answer(std::span<const PermittedCall> calls, const seccomp_data& data) {
    const auto number = static_cast<std::uint32_t>(data.nr);
    const auto* const call =
        std::ranges::find(calls.data(), calls.data() + calls.size(), number, &PermittedCall::number);
    const bool permitted = data.arch == native && call != calls.data() + calls.size() &&
                           holds(call->condition, data.args[call->condition.argument]);
    return permitted ? SECCOMP_RET_ALLOW : refusal;
}

seccomp_data call_of(std::uint32_t architecture, std::uint32_t number, std::uint64_t argument) {
    return {.nr = static_cast<int>(number),
            .arch = architecture,
            .instruction_pointer = 0x123456789abcdef0,
            .args = {argument, argument, argument, argument, argument, argument}};
}

// How many are allowed; -1 where one is answered wrongly.
int allowed(Program program, std::span<const PermittedCall> calls, std::uint32_t architecture, std::uint64_t argument) {
    int count = 0;
    const auto look = [&](std::uint32_t number) {
        const auto data = call_of(architecture, number, argument);
        const auto answer = run(program, data).answer;
        count += answer == SECCOMP_RET_ALLOW ? 1 : 0;
        return answer == right_answer(calls, data);
    };
    for (std::uint32_t number = 0; number < 1024; ++number) {
        for (const std::uint32_t upper : {0U, 0x40000000U, 0x80000000U, 0xfffffc00U}) { // x32 has the second
            if (!look(upper + number)) {
                return -1;
            }
        }
    }
    return count;
}

// The values that are asked for, those that differ from one in a bit, and with upper halves of all kinds.
std::vector<std::uint64_t> telling_arguments(const Condition& condition) {
    std::vector<std::uint64_t> arguments{0, 0xffffffff, 0xffffffffffffffff};
    for (const std::uint64_t value : condition.values) {
        arguments.push_back(value);
        for (std::uint64_t bit = 0; bit < 64; ++bit) {
            arguments.push_back(value ^ (1ULL << bit));
        }
    }
    return arguments;
}

} // namespace

TEST_CASE("of all calls, with any argument, those on the list are allowed and no others") {
    for (const std::uint64_t argument : {0ULL, 1ULL, 0xffffffffULL}) {
        REQUIRE(allowed(hooks_own.instructions(), hook::permitted_calls, native, argument) >= 0);
    }
    for (const auto& call : hook::permitted_calls) {
        for (const auto argument : telling_arguments(call.condition)) {
            const auto data = call_of(native, call.number, argument);
            REQUIRE(run(hooks_own.instructions(), data).answer == right_answer(hook::permitted_calls, data));
        }
    }
    const auto unconditional = std::ranges::count(hook::permitted_calls, Condition::Kind::none,
                                                  [](const auto& call) { return call.condition.kind; });
    // Of the conditions that of mmap alone holds for 0.
    CHECK(allowed(hooks_own.instructions(), hook::permitted_calls, native, 0) >= unconditional + 1);
}

TEST_CASE("by any other architecture none is") {
    for (std::uint32_t flags = 0; flags < 8; ++flags) {
        for (std::uint32_t machine = 0; machine < 512; ++machine) {
            const auto architecture = flags << 29U | machine;
            for (std::uint32_t number = 0; number < 512 && architecture != native; number += 59) {
                REQUIRE(run(hooks_own.instructions(), call_of(architecture, number, 0)).answer == refusal);
            }
        }
    }
    CHECK(allowed(hooks_own.instructions(), hook::permitted_calls, AUDIT_ARCH_I386, 1) == 0);
}

TEST_CASE("each call is on the list once") {
    std::set<std::uint32_t> numbers;
    for (const auto& call : hook::permitted_calls) {
        CHECK_MESSAGE(numbers.insert(call.number).second, call.number);
    }
}

// The kernel goes through it for each number when it is put up, and once for each call that has a condition.
TEST_CASE("it is short, and every answer is found in a few steps") {
    CHECK(hooks_own.instructions().size() < 150);
    for (std::uint32_t number = 0; number < 512; ++number) {
        CHECK(run(hooks_own.instructions(), call_of(native, number, 0xdeadbeef)).steps <= 20);
    }
}

TEST_CASE("other lists: of one, of neighbours, of the first and the last number, and by chance") {
    static constexpr std::array<std::uint32_t, 2> values{3, 5};
    const Condition one_of{.kind = Condition::Kind::is_one_of, .argument = 5, .values = values};
    const std::vector<std::vector<PermittedCall>> lists{
        {{7}},      {{0}},         {{0, one_of}},           {{1}, {2}, {3}}, {{3}, {2, one_of}, {1}},
        {{5}, {0}}, {{4094}, {0}}, {{2}, {3, one_of}, {9}},
    };
    for (const auto& list : lists) {
        const FilterProgram program(native, list, refusal);
        for (const std::uint64_t argument : {0U, 3U, 4U, 5U}) {
            CHECK(allowed(program.instructions(), list, native, argument) >= 0);
        }
    }
    std::mt19937 random(59); // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
    for (int i = 0; i < 30; ++i) {
        std::set<std::uint32_t> numbers;
        for (auto left = 1 + (random() % 80); left > 0; --left) {
            numbers.insert(static_cast<std::uint32_t>(random() % 500));
        }
        std::vector<PermittedCall> list;
        for (const auto number : numbers) {
            list.push_back({.number = number, .condition = {}});
        }
        const FilterProgram program(native, list, refusal);
        REQUIRE(allowed(program.instructions(), list, native, 0) == static_cast<int>(list.size()));
    }
}
