// SPDX-License-Identifier: Apache-2.0
// A list of system calls as a seccomp filter in classic BPF, made by the compiler.
//
// The numbers are searched by halves, as the kernel asks a new filter about each number there is, twice: a list that is
// gone through from its beginning takes it three times as long.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <span>

namespace bulkhead::hook {

// What is asked of a call's argument. Its lower half is looked at: the kernel takes no more of those that are named
// here for what they mean.
struct Condition {
    enum class Kind : std::uint8_t { none, is_one_of, has_none_of };

    Kind kind = Kind::none;
    std::uint32_t argument = 0;              // the first is 0
    std::span<const std::uint32_t> values{}; // for has_none_of one, of bits
};

struct PermittedCall {
    std::uint32_t number = 0;
    Condition condition{};
};

class FilterProgram {
public:
    // Calls of this architecture with these numbers, in any order and each once, if their condition holds. Anything
    // else gets `refusal`: also x32's, whose numbers are above all others, and those of 32-bit programs, which come by
    // another architecture.
    constexpr FilterProgram(std::uint32_t architecture, std::span<const PermittedCall> calls, std::uint32_t refusal) {
        load(offsetof(seccomp_data, arch));
        const auto test = size_;
        add(BPF_JMP | BPF_JEQ | BPF_K, architecture);
        load(offsetof(seccomp_data, nr));
        cut(calls);
        search(0, ranges_);
        for (std::size_t i = 0; i < conditions_; ++i) {
            place(first_condition + i);
            add_condition(asked_[i]);
        }
        place(allowed);
        add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        place(refused);
        instructions_[test].jf = distance(test, size_);
        add(BPF_RET | BPF_K, refusal);
        resolve();
    }

    [[nodiscard]] constexpr std::span<const sock_filter> instructions() const {
        return std::span(instructions_).first(size_);
    }

private:
    static constexpr std::size_t most = 256; // as far as one jump reaches

    // Where a jump goes to. None is 0, and so is what nothing is said of: GCC 12 makes zeros of some of a large array's
    // elements that have other defaults.
    using Label = std::size_t;
    static constexpr Label none = 0;
    static constexpr Label allowed = 1;
    static constexpr Label refused = 2;
    static constexpr Label first_condition = 3;
    static constexpr std::size_t most_labels = 19;
    static constexpr std::uint32_t last_number = 0xffffffff;

    // Numbers from `first` to where the next range begins.
    struct Range {
        std::uint32_t first = 0;
        Label label = none;
    };
    // Where an instruction goes to if its comparison holds, and if not.
    struct Targets {
        Label holds = none;
        Label fails = none;
    };

    constexpr void cut(std::span<const PermittedCall> calls) {
        std::array<PermittedCall, most> sorted{};
        std::ranges::copy(calls, sorted.begin());
        std::ranges::sort(std::span(sorted).first(calls.size()), {}, &PermittedCall::number);
        add_range(0, refused);
        for (const auto& call : std::span(sorted).first(calls.size())) {
            add_range(call.number, label_of(call));
            if (call.number != last_number) {
                add_range(call.number + 1, refused);
            }
        }
    }

    constexpr Label label_of(const PermittedCall& call) {
        if (call.condition.kind == Condition::Kind::none) {
            return allowed;
        }
        asked_.at(conditions_) = call.condition;
        return first_condition + conditions_++;
    }

    constexpr void add_range(std::uint32_t first, Label label) {
        if (ranges_ > 0 && cuts_[ranges_ - 1].first == first) {
            --ranges_;
        }
        if (ranges_ == 0 || cuts_[ranges_ - 1].label != label) {
            cuts_[ranges_++] = {.first = first, .label = label};
        }
    }

    // Which of the ranges from `begin` to before `end` (two at least) the number is in.
    constexpr void search(std::size_t begin, std::size_t end) {
        const auto middle = begin + ((end - begin) / 2);
        const auto at = size_;
        add(BPF_JMP | BPF_JGE | BPF_K, cuts_[middle].first);
        if (middle - begin == 1) {
            targets_[at].fails = cuts_[begin].label;
        } else {
            search(begin, middle);
        }
        if (end - middle == 1) {
            targets_[at].holds = cuts_[middle].label;
        } else {
            instructions_[at].jt = distance(at, size_);
            search(middle, end);
        }
    }

    constexpr void add_condition(const Condition& condition) {
        constexpr std::uint32_t lower_half = std::endian::native == std::endian::little ? 0 : 4;
        const auto& [kind, argument, values] = condition;
        load(offsetof(seccomp_data, args) + (argument * sizeof(std::uint64_t)) + lower_half);
        const bool one_of = kind == Condition::Kind::is_one_of;
        for (const auto value : values) {
            targets_[size_].holds = one_of ? allowed : refused;
            if (value == values.back()) {
                targets_[size_].fails = one_of ? refused : allowed;
            }
            add(BPF_JMP | (one_of ? BPF_JEQ : BPF_JSET) | BPF_K, value);
        }
    }

    constexpr void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
    constexpr void add(int code, std::uint32_t k) {
        instructions_.at(size_++) = {.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = k};
    }
    static constexpr std::uint8_t distance(std::size_t from, std::size_t to) {
        return static_cast<std::uint8_t>(to - from - 1);
    }

    constexpr void place(Label label) { places_.at(label) = size_; }
    constexpr void resolve() {
        for (std::size_t at = 0; at < size_; ++at) {
            if (targets_[at].holds != none) {
                instructions_[at].jt = distance(at, places_[targets_[at].holds]);
            }
            if (targets_[at].fails != none) {
                instructions_[at].jf = distance(at, places_[targets_[at].fails]);
            }
        }
    }

    std::array<sock_filter, most> instructions_{};
    std::array<Targets, most> targets_{};
    std::array<Range, most> cuts_{};
    std::size_t ranges_ = 0;
    std::array<Condition, most_labels> asked_{};
    std::size_t conditions_ = 0;
    std::array<std::size_t, most_labels> places_{};
    std::size_t size_ = 0;
};

} // namespace bulkhead::hook
