// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/update.h"

#include "runtime/base/quantity.h"
#include "runtime/shim/json_edit.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace bulkhead::shim {

namespace {

using Limit = std::optional<std::int64_t>;
using oci::JsonObject;
using oci::JsonValue;

constexpr std::int64_t no_limit = -1;

struct Memory {
    Limit limit;
    Limit swap; // memory and swap together
};

std::int64_t to_limit(std::uint64_t value) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(value, std::numeric_limits<std::int64_t>::max()));
}

// Negative is "no limit" for every runtime.
std::int64_t clamp(std::int64_t wanted, std::uint64_t promised) {
    return wanted <= 0 || wanted > to_limit(promised) ? to_limit(promised) : wanted;
}

std::unexpected<Error> swap_is_lost(std::string_view why) {
    return fail(Code::not_allowed,
                "this update would lift the limit of the container's swap (memory-swap-max): " + std::string(why));
}

// Next to a memory limit: memory and swap together may be that and the promised swap. 0 is "as it was" for runc, and
// no swap at all for crun.
Result<Limit> clamp_swap(const Memory& wanted, std::uint64_t promised) {
    const auto limit = wanted.limit.value_or(0);
    const auto swap = wanted.swap.value_or(no_limit);
    if (limit < 0) {
        return swap_is_lost("its memory has no limit; give a number for it"); // runc takes both for unlimited then
    }
    if (limit == 0) {
        const bool harmless = !wanted.swap || (swap >= 0 && swap <= to_limit(promised));
        return harmless ? Result<Limit>(wanted.swap) : swap_is_lost("give the memory limit with it");
    }
    if (swap == 0) {
        return wanted.swap;
    }
    return clamp(swap, static_cast<std::uint64_t>(limit) + promised);
}

// 0 is "as it was" for runc, and docker says it with every update of something else: no more than was promised.
bool leaves_memory(const Memory& wanted) { return wanted.limit == 0 && wanted.swap.value_or(0) == 0; }

Result<Memory> clamp_memory(Memory wanted, const Promised& promised) {
    if (leaves_memory(wanted)) {
        return wanted;
    }
    if (wanted.limit && promised.memory) {
        wanted.limit = clamp(*wanted.limit, *promised.memory);
    }
    if (promised.swap) {
        TRY_ASSIGN(wanted.swap, clamp_swap(wanted, *promised.swap));
    }
    return wanted;
}

// --- JSON

Result<Limit> integer_of(const JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    if (!value) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto number, value->integer());
    return number;
}

void add_limit(std::vector<MemberEdit>& members, const char* key, const Limit& before, const Limit& after) {
    if (after && before != after) {
        members.push_back({.key = key, .edit = put(std::to_string(*after))});
    }
}

Result<void> edit_memory(std::vector<MemberEdit>& members, const JsonObject& resources, const Promised& promised) {
    const auto value = resources.find("memory");
    if (!value || (!promised.memory && !promised.swap)) {
        return {};
    }
    TRY_ASSIGN(const auto memory, value->object());
    Memory wanted;
    TRY_ASSIGN(wanted.limit, integer_of(memory, "limit"));
    TRY_ASSIGN(wanted.swap, integer_of(memory, "swap"));
    TRY_ASSIGN(const auto clamped, clamp_memory(wanted, promised));
    std::vector<MemberEdit> limits;
    add_limit(limits, "limit", wanted.limit, clamped.limit);
    add_limit(limits, "swap", wanted.swap, clamped.swap);
    members.push_back({.key = "memory", .edit = in_object(std::move(limits))});
    return {};
}

Edit clamp_number(std::uint64_t promised) {
    return [promised](const std::optional<JsonValue>& present) -> Edited {
        if (!present) {
            return std::nullopt;
        }
        TRY_ASSIGN(const auto wanted, present->integer());
        return put(std::to_string(clamp(wanted, promised)))(present);
    };
}

// A file's text: "max", a number, or what else the kernel reads as one (1G, 0x10), which is not looked into.
Edit clamp_file(std::uint64_t promised, std::function<bool(std::uint64_t)> kept) {
    return [promised, kept = std::move(kept)](const std::optional<JsonValue>& present) -> Edited {
        if (!present) {
            return std::nullopt;
        }
        const auto text = present->string();
        const auto number = text ? parse_unsigned(*text) : Result<std::uint64_t>(std::unexpected(text.error()));
        return number && kept(*number) ? std::nullopt : put(json_string(std::to_string(promised)))(present);
    };
}

Edit clamp_unified(const Promised& promised) {
    std::vector<MemberEdit> files;
    const auto add = [&](const std::string& file, std::uint64_t most) {
        files.push_back(
            {.key = file, .edit = clamp_file(most, [most](std::uint64_t number) { return number <= most; })});
    };
    for (const auto& [file, limit] :
         {std::pair("memory.max", promised.memory), std::pair("memory.swap.max", promised.swap),
          std::pair("pids.max", promised.pids)}) {
        if (limit) {
            add(file, *limit);
        }
    }
    for (const auto& [file, limit] : promised.unified) {
        add(file, limit);
    }
    if (promised.oom_group) {
        files.push_back(
            {.key = "memory.oom.group", .edit = clamp_file(1, [](std::uint64_t number) { return number == 1; })});
    }
    return in_object(std::move(files));
}

// --- Options

// "1.5": digits with a point among them, of which the first 15 behind it count.
std::optional<double> decimal(std::string_view text) {
    const auto point = std::min(text.size(), text.find('.'));
    const auto whole = parse_unsigned(text.substr(0, point));
    const auto rest = text.substr(std::min(text.size(), point + 1), 15);
    const auto fraction = rest.empty() ? Result<std::uint64_t>(0) : parse_unsigned(rest);
    if (!whole || !fraction) {
        return std::nullopt;
    }
    auto behind = static_cast<double>(*fraction);
    for (std::size_t i = 0; i < rest.size(); ++i) {
        behind /= 10;
    }
    return static_cast<double>(*whole) + behind;
}

// What a number of bytes is multiplied by: runc reads them as docker does (go-units RAMInBytes), in powers of 1024
// whatever the letter.
std::optional<double> unit_of(std::string_view text) {
    constexpr std::string_view letters = "kmgtp";
    std::string unit(text);
    std::ranges::transform(unit, unit.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
    if (unit.empty() || unit == "b") {
        return 1;
    }
    const auto power = letters.find(unit.front());
    const auto rest = std::string_view(unit).substr(1);
    if (power == std::string_view::npos || !(rest.empty() || rest == "b" || rest == "ib")) {
        return std::nullopt;
    }
    return static_cast<double>(1ULL << (10 * (power + 1)));
}

std::optional<std::int64_t> bytes_of(std::string_view text) {
    const auto digits = std::min(text.size(), text.find_first_not_of("0123456789."));
    const auto number = decimal(text.substr(0, digits));
    const auto unit = unit_of(text.substr(digits));
    constexpr double too_large = 9223372036854775808.0; // 2^63
    if (!number || !unit || *number * *unit >= too_large) {
        return std::nullopt;
    }
    return static_cast<std::int64_t>(*number * *unit);
}

// runc takes an option without a value as one that is not given.
Result<Limit> parse_limit(std::string_view option, std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    if (text == "-1") {
        return no_limit;
    }
    const auto number = bytes_of(text);
    if (!number) {
        return fail(Code::malformed_input, "--" + std::string(option) + " " + in_quotes(text) +
                                               " is no number that the shim can read; write digits");
    }
    return number;
}

class Arguments {
public:
    explicit Arguments(std::span<char* const> words) : words_(words.begin(), words.end()) {}

    [[nodiscard]] std::string_view value(const OptionPlace& place) const {
        return std::string_view(words_[place.word]).substr(place.offset);
    }
    void replace(const OptionPlace& place, std::string_view value) {
        words_[place.word].replace(place.offset, std::string::npos, value);
    }
    void insert_after(const OptionPlace& place, std::string word) {
        words_.insert(words_.begin() + static_cast<std::ptrdiff_t>(place.word) + 1, std::move(word));
    }
    [[nodiscard]] std::vector<std::string> take() && { return std::move(words_); }

private:
    std::vector<std::string> words_;
};

// The last one counts.
const OptionPlace* last_of(const Invocation& invocation, std::string_view option) {
    const OptionPlace* last = nullptr;
    for (const auto& place : invocation.limits) {
        last = place.option == option ? &place : last;
    }
    return last;
}

Result<Limit> limit_in(const Arguments& arguments, const OptionPlace* place) {
    return place == nullptr ? Result<Limit>(std::nullopt) : parse_limit(place->option, arguments.value(*place));
}

void set_limit(Arguments& arguments, const OptionPlace* place, const Limit& before, const Limit& after) {
    if (place != nullptr && after && before != after) {
        arguments.replace(*place, std::to_string(*after));
    }
}

Result<void> clamp_memory_options(Arguments& arguments, const Invocation& invocation, const Promised& promised) {
    const auto* const limit = last_of(invocation, "memory");
    const auto* const swap = last_of(invocation, "memory-swap");
    Memory wanted;
    TRY_ASSIGN(wanted.limit, limit_in(arguments, limit));
    TRY_ASSIGN(wanted.swap, limit_in(arguments, swap));
    if (!wanted.limit && !wanted.swap) {
        return {};
    }
    TRY_ASSIGN(const auto clamped, clamp_memory(wanted, promised));
    set_limit(arguments, limit, wanted.limit, clamped.limit);
    set_limit(arguments, swap, wanted.swap, clamped.swap);
    if (swap == nullptr && limit != nullptr && clamped.swap) {
        arguments.insert_after(*limit, "--memory-swap=" + std::to_string(*clamped.swap));
    }
    return {};
}

} // namespace

Result<std::string> clamp_resources(std::string_view text, const Promised& promised) {
    TRY_ASSIGN(const auto resources, JsonObject::parse(text, ""));
    std::vector<MemberEdit> members;
    TRY(edit_memory(members, resources, promised));
    if (promised.pids) {
        members.push_back({"pids", in_object({{"limit", clamp_number(*promised.pids)}})});
    }
    members.push_back({"unified", clamp_unified(promised)});
    return edit_text(text, members);
}

Result<std::vector<std::string>> clamp_arguments(std::span<char* const> arguments, const Invocation& invocation,
                                                 const Promised& promised) {
    Arguments words(arguments);
    if (invocation.resources) { // the options do not count then
        return std::move(words).take();
    }
    if (const auto* const pids = last_of(invocation, "pids-limit"); pids != nullptr && promised.pids) {
        TRY_ASSIGN(const auto wanted, limit_in(words, pids));
        set_limit(words, pids, wanted, wanted ? Limit(clamp(*wanted, *promised.pids)) : std::nullopt);
    }
    if (promised.memory || promised.swap) { // after the pids: this may move words
        TRY(clamp_memory_options(words, invocation, promised));
    }
    return std::move(words).take();
}

std::vector<std::string> resources_from_stdin(std::span<char* const> arguments, const Invocation& invocation) {
    Arguments words(arguments);
    if (invocation.resources) {
        words.replace(*invocation.resources, "-");
    }
    return std::move(words).take();
}

} // namespace bulkhead::shim
