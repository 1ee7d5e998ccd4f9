// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/engine_words.h"

#include "runtime/base/quantity.h"
#include "runtime/oci/json.h"

#include <algorithm>
#include <limits>

namespace bulkhead::oci {

namespace {

using Limit = std::optional<std::uint64_t>;

// nullopt: it is not there, or no object.
std::optional<JsonObject> object_in(const JsonObject& parent, std::string_view key) {
    const auto value = parent.find(key);
    auto object = value ? value->object() : std::unexpected(Error{});
    return object ? std::optional(*std::move(object)) : std::nullopt;
}

// "" where it is not there, or no string.
std::string string_in(const JsonObject& parent, std::string_view key) {
    return parent.required_string(key).value_or("");
}

// Of resources: what is 0 or below is no limit.
Limit number_in(const std::optional<JsonObject>& parent, std::string_view key) {
    const auto value = parent ? parent->find(key) : std::nullopt;
    const auto number = value ? value->integer().value_or(0) : 0;
    return number > 0 ? Limit(static_cast<std::uint64_t>(number)) : std::nullopt;
}

// memory.swap is both together, of which no swap at all may be left.
Limit swap_in(const std::optional<JsonObject>& memory) {
    const auto limit = number_in(memory, "limit");
    const auto both = number_in(memory, "swap");
    return limit && both && *both >= *limit ? Limit(*both - *limit) : std::nullopt;
}

// The kernel calls its files as we call our keys, but for dots in place of hyphens. They come after the others.
void take_unified(const JsonObject& unified, EngineWords& words) {
    for (const auto& info : annotation_keys) {
        std::string file(info.name);
        std::ranges::replace(file, '-', '.');
        if (info.resource == Resource::cgroup && unified.find(file)) {
            words.limits[static_cast<std::size_t>(info.key)] = parse_kernel_size(string_in(unified, file));
        }
    }
}

void take_resources(const JsonObject& resources, EngineWords& words) {
    const auto set = [&](Key key, Limit limit) { words.limits[static_cast<std::size_t>(key)] = limit; };
    const auto memory = object_in(resources, "memory");
    set(Key::memory_max, number_in(memory, "limit"));
    set(Key::memory_low, number_in(memory, "reservation"));
    set(Key::memory_swap_max, swap_in(memory));
    set(Key::pids_max, number_in(object_in(resources, "pids"), "limit"));
    if (const auto unified = object_in(resources, "unified")) {
        take_unified(*unified, words);
    }
}

bool has_option(const JsonObject& mount, std::initializer_list<std::string_view> wanted) {
    const auto options = mount.find("options");
    const auto list = options ? options->array().value_or(std::vector<JsonValue>{}) : std::vector<JsonValue>{};
    return std::ranges::any_of(list, [&](const JsonValue& value) {
        return std::ranges::find(wanted, value.string().value_or("")) != wanted.end();
    });
}

void take_mounts(const std::vector<JsonValue>& mounts, EngineWords& words) {
    for (const auto& element : mounts) {
        const auto mount = element.object();
        if (mount && has_option(*mount, {"bind", "rbind"})) {
            words.binds.push_back({.destination = string_in(*mount, "destination"),
                                   .source = string_in(*mount, "source"),
                                   .read_only = has_option(*mount, {"ro", "rro"})});
        }
    }
}

} // namespace

EngineWords read_engine_words(std::string_view config) {
    EngineWords words;
    const auto object = JsonObject::parse(config, "");
    if (!object) {
        return words;
    }
    const auto linux = object_in(*object, "linux");
    if (const auto resources = linux ? object_in(*linux, "resources") : std::nullopt) {
        take_resources(*resources, words);
    }
    const auto mounts = object->find("mounts");
    if (const auto list = mounts ? mounts->array() : std::unexpected(Error{})) {
        take_mounts(*list, words);
    }
    return words;
}

std::optional<std::uint64_t> parse_kernel_size(std::string_view text) {
    constexpr std::string_view units = "kmgtpe";
    constexpr unsigned bits_each = 10;
    const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
    const auto suffix = text.substr(digits.size());
    const auto number = parse_unsigned(digits);
    if (!number || suffix.size() > 1) {
        return std::nullopt;
    }
    const auto unit = suffix.empty() ? 0 : units.find(static_cast<char>(suffix[0] | 0x20));
    const auto bits = suffix.empty() ? 0 : (unit + 1) * bits_each;
    const bool known = suffix.empty() || unit != std::string_view::npos;
    return known && *number <= std::numeric_limits<std::uint64_t>::max() >> bits ? Limit(*number << bits)
                                                                                 : std::nullopt;
}

} // namespace bulkhead::oci
