// SPDX-License-Identifier: Apache-2.0
// The guard's filter is run here as the kernel would run it, on every architecture there is.
#include "runtime/shim/guard_program.h"

#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <elf.h>
#include <optional>
#include <random>
#include <string>
#include <sys/syscall.h>
#include <vector>

using bulkhead::shim::arm64;
using bulkhead::shim::GuardProgram;
using bulkhead::shim::x86_64;

namespace {

using Program = std::span<const sock_filter>;

constexpr GuardProgram x86_64_guard(x86_64);
constexpr GuardProgram arm64_guard(arm64);

constexpr std::uint32_t allowed = 0x7fff0000;
constexpr std::uint32_t no_such_request = 0x00050000 + 25; // ERRNO with ENOTTY
constexpr std::uint32_t no_such_call = 0x00050000 + 38;    // ERRNO with ENOSYS
constexpr std::uint32_t no_answer = 0xffffffff;            // of a program that the kernel would not have taken

constexpr std::uint32_t fs_setxattr = 0x401c5820;
constexpr std::uint32_t set_flags = 0x40086602;
constexpr std::uint32_t set_flags_32 = 0x40046602;
constexpr std::uint32_t file_setattr = 469;
constexpr std::uint32_t x32 = 0x40000000;

struct Call {
    std::uint32_t architecture = 0;
    std::uint32_t number = 0;
    std::uint64_t request = 0;
};

// Where a run of the program is: at which instruction, with what in its accumulator.
struct Place {
    std::size_t at = 0;
    std::uint32_t accumulator = 0;
};

std::uint32_t word_of(const Call& call, std::uint32_t offset) {
    constexpr std::uint64_t instruction_pointer = 0x123456789abcdef0;
    constexpr std::uint64_t other = 0x0fedcba987654321;
    const seccomp_data data{.nr = static_cast<int>(call.number),
                            .arch = call.architecture,
                            .instruction_pointer = instruction_pointer,
                            .args = {other, call.request, other, other, other, other}};
    std::uint32_t word = 0;
    std::copy_n(reinterpret_cast<const char*>(&data) + offset, sizeof word, reinterpret_cast<char*>(&word));
    return word;
}

// Goes on from `place`; until an answer, or until the request is loaded where `to_request` is set.
std::uint32_t run(Program program, const Call& call, Place& place, bool to_request = false) {
    while (place.at < program.size()) {
        const auto& one = program[place.at++];
        switch (one.code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (one.k > sizeof(seccomp_data) - 4 || one.k % 4 != 0) {
                return no_answer;
            }
            place.accumulator = word_of(call, one.k);
            if (to_request && one.k == offsetof(seccomp_data, args[1])) {
                return no_answer;
            }
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            place.accumulator &= one.k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            place.at += place.accumulator == one.k ? one.jt : one.jf;
            break;
        case BPF_RET | BPF_K:
            return one.k;
        default:
            return no_answer;
        }
    }
    return no_answer;
}

std::uint32_t answer(Program program, const Call& call) {
    Place place;
    return run(program, call, place);
}

bool is_denied_request(std::uint64_t request) {
    const auto low = static_cast<std::uint32_t>(request);
    return low == fs_setxattr || low == set_flags || low == set_flags_32;
}

// What must be said, by the kernel's tables of calls.
struct Numbers {
    std::uint32_t architecture;
    std::vector<std::uint32_t> ioctls;
    std::uint32_t ignored_bit;
};

struct Machine {
    std::string name;
    Program program;
    std::vector<Numbers> entries;
};

const std::vector<Machine> machines{
    {"x86-64", x86_64_guard.instructions(), {{AUDIT_ARCH_X86_64, {16, 514}, x32}, {AUDIT_ARCH_I386, {54}, 0}}},
    {"arm64", arm64_guard.instructions(), {{AUDIT_ARCH_AARCH64, {29}, 0}, {AUDIT_ARCH_ARM, {54}, 0}}},
};

std::uint32_t right_answer(const Machine& machine, const Call& call) {
    for (const auto& entry : machine.entries) {
        const auto number = call.number & ~entry.ignored_bit;
        if (entry.architecture != call.architecture) {
            continue;
        }
        if (number == file_setattr) {
            return no_such_call;
        }
        if (std::ranges::find(entry.ioctls, number) != entry.ioctls.end() && is_denied_request(call.request)) {
            return no_such_request;
        }
    }
    return allowed;
}

// The first call that is answered wrongly, in words.
class Verdict {
public:
    explicit Verdict(const Machine& machine) : machine_(machine) {}

    void look_at(const Call& call) {
        const auto got = answer(machine_.program, call);
        denied_ += got == allowed ? 0U : 1U;
        if (got != right_answer(machine_, call) && wrong_.empty()) {
            wrong_ = machine_.name + ": architecture " + std::to_string(call.architecture) + ", number " +
                     std::to_string(call.number) + ", request " + std::to_string(call.request) + ": " +
                     std::to_string(got);
        }
    }
    [[nodiscard]] const std::string& wrong() const { return wrong_; }
    [[nodiscard]] std::uint64_t denied() const { return denied_; }

private:
    const Machine& machine_;
    std::string wrong_;
    std::uint64_t denied_ = 0;
};

// Those that are denied, their neighbours, those that differ in one bit, and some that anybody needs; each with all
// kinds of upper halves.
std::vector<std::uint64_t> telling_requests() {
    constexpr std::uint32_t tcgets = 0x5401;
    constexpr std::uint32_t get_flags = 0x80086601;
    constexpr std::uint32_t fs_getxattr = 0x801c581f;
    std::vector<std::uint32_t> low{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, tcgets, get_flags, fs_getxattr};
    for (const auto denied : {fs_setxattr, set_flags, set_flags_32}) {
        low.insert(low.end(), {denied - 1, denied, denied + 1});
        for (std::uint32_t bit = 0; bit < 32; ++bit) {
            low.push_back(denied ^ (1U << bit));
        }
    }
    std::vector<std::uint64_t> requests;
    for (const std::uint64_t upper : {0U, 1U, 0x80000000U, 0xffffffffU, 0x401c5820U}) {
        for (const auto one : low) {
            requests.push_back(upper << 32U | one);
        }
    }
    return requests;
}

// Those in the tables, and some whose calls are not ours to deny.
constexpr std::array<std::uint32_t, 9> near_architectures{
    AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM,
    AUDIT_ARCH_ARMEB,  EM_X86_64,       AUDIT_ARCH_RISCV64, 0,
    0xffffffff};

// Whatever linux/audit.h may ever have: a machine's number in ELF, with three flags.
std::vector<std::uint32_t> all_architectures() {
    std::vector<std::uint32_t> all;
    for (std::uint32_t flags = 0; flags < 8; ++flags) {
        for (std::uint32_t machine = 0; machine < 1024; ++machine) {
            all.push_back(flags << 29U | machine);
        }
    }
    return all;
}

bool is_same(const sock_filter& one, const sock_filter& other) {
    return one.code == other.code && one.jt == other.jt && one.jf == other.jf && one.k == other.k;
}

// Where the request is loaded: the run is the same for every request up to there.
std::optional<std::size_t> place_of_request(const Machine& machine, std::uint32_t architecture, std::uint32_t number) {
    Place place;
    const bool loaded = run(machine.program, {architecture, number, 0}, place, true) == no_answer;
    return loaded && place.at < machine.program.size() ? std::optional(place.at) : std::nullopt;
}

} // namespace

TEST_CASE("the denied requests and calls are those of this machine's headers, and what the file systems call them") {
    CHECK(fs_setxattr == FS_IOC_FSSETXATTR);
    CHECK(set_flags == FS_IOC_SETFLAGS);
    CHECK(set_flags_32 == FS_IOC32_SETFLAGS);
#if defined(__x86_64__) || defined(__aarch64__)
#if defined(__x86_64__)
    const auto& native = machines[0];
#else
    const auto& native = machines[1];
#endif
    CHECK(native.entries[0].ioctls[0] == SYS_ioctl);
#endif
    for (const auto& machine : machines) {
        CHECK(machine.program.size() <= 21);
    }
}

TEST_CASE("of calls 0 to 1023, with x32's bit too, exactly the denied are denied") {
    const auto requests = telling_requests();
    for (const auto& machine : machines) {
        Verdict verdict(machine);
        for (const auto architecture : near_architectures) {
            for (std::uint32_t number = 0; number < 1024; ++number) {
                for (const auto request : requests) {
                    verdict.look_at({architecture, number, request});
                    verdict.look_at({architecture, number | x32, request});
                }
            }
        }
        CHECK(verdict.wrong() == "");
        // x86-64: file_setattr by 469 of either architecture, and with the bit of both sets of numbers; ioctl as 16 and
        // 514, with the bit or without, and 54. Three requests, each with five upper halves.
        const bool has_x32 = machine.name == "x86-64";
        CHECK(verdict.denied() == (has_x32 ? (3 * requests.size()) + 75 : (2 * requests.size()) + 30));
    }
}

TEST_CASE("so it is with architectures and numbers that no kernel has") {
    std::mt19937 random(469); // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
    const auto requests = telling_requests();
    for (const auto& machine : machines) {
        Verdict verdict(machine);
        for (const auto architecture : all_architectures()) {
            for (const std::uint32_t number : {16U, 29U, 54U, 469U, 514U}) {
                for (const auto request : {fs_setxattr, set_flags, set_flags_32}) {
                    verdict.look_at({architecture, number, request});
                    verdict.look_at({architecture, number | x32, request});
                }
            }
        }
        for (const auto architecture : near_architectures) {
            for (const std::uint32_t number : {16U, 29U, 54U, 469U, 514U}) {
                for (std::uint32_t bit = 0; bit < 32; ++bit) {
                    verdict.look_at({architecture, number ^ (1U << bit), fs_setxattr});
                }
            }
            for (int i = 0; i < 100'000; ++i) {
                const auto number = static_cast<std::uint32_t>(random());
                verdict.look_at({architecture, number, requests[random() % requests.size()]});
            }
        }
        CHECK(verdict.wrong() == "");
    }
}

// Once it is loaded the request is compared for equality with constants, and with nothing else: so all that equal none
// of them get one and the same answer, and 2^32 cases are one and a few.
TEST_CASE("of all requests exactly the denied are denied") {
    std::mt19937_64 random(0x5820); // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
    for (const auto& machine : machines) {
        std::vector<std::size_t> places;
        for (const auto& entry : machine.entries) {
            for (const auto number : entry.ioctls) {
                places.push_back(place_of_request(machine, entry.architecture, number).value_or(0));
                places.push_back(place_of_request(machine, entry.architecture, number | entry.ignored_bit).value_or(0));
            }
        }
        REQUIRE(places.front() != 0);
        CHECK(std::ranges::count(places, places.front()) == std::ssize(places));
        std::vector<std::uint32_t> constants;
        for (const auto& one : machine.program.subspan(places.front())) {
            const bool compares = one.code == (BPF_JMP | BPF_JEQ | BPF_K);
            CHECK((compares || one.code == (BPF_RET | BPF_K)));
            if (compares) {
                constants.push_back(one.k);
            }
        }
        CHECK(constants == std::vector<std::uint32_t>{fs_setxattr, set_flags, set_flags_32});
        Verdict verdict(machine);
        for (const auto& entry : machine.entries) {
            for (int i = 0; i < 1'000'000; ++i) {
                verdict.look_at({entry.architecture, entry.ioctls[0], random()});
            }
        }
        CHECK(verdict.wrong() == "");
    }
}

// The same without the argument, where there is time for it.
TEST_CASE("of all requests, one by one (in the whole matrix; else each 65537th)") {
    const char* const matrix = std::getenv("MATRIX"); // NOLINT(concurrency-mt-unsafe)
    const std::uint64_t step = matrix != nullptr && *matrix != '\0' ? 1 : 65537;
    const auto program = machines[0].program;
    const auto at = place_of_request(machines[0], AUDIT_ARCH_X86_64, 16);
    const auto at_arm = place_of_request(machines[1], AUDIT_ARCH_AARCH64, 29);
    REQUIRE(at);
    REQUIRE(at_arm);
    CHECK(
        std::ranges::equal(program.subspan(*at), machines[1].program.subspan(*at_arm), is_same)); // once does for both
    std::uint64_t wrong = 0;
    std::uint64_t denied = 0;
    for (std::uint64_t request = 0; request <= 0xffffffff; request += step) {
        Place place{.at = *at, .accumulator = static_cast<std::uint32_t>(request)};
        const auto got = run(program, {}, place);
        denied += got == no_such_request ? 1U : 0U;
        wrong += got == (is_denied_request(request) ? no_such_request : allowed) ? 0U : 1U;
    }
    CHECK(wrong == 0);
    CHECK(denied == (step == 1 ? 3 : 0));
}
