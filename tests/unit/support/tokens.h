// SPDX-License-Identifier: Apache-2.0
// Whether an edit of config.json left alone what is not its own: by the text's tokens, which no parser has touched.
#pragma once

#include "runtime/oci/json.h"
#include "runtime/shim/spec_edit.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::test {

// Strings, numbers and words, brackets, runs of white space: every byte is in one of them.
inline std::vector<std::string> lexed(const std::string& text) {
    std::vector<std::string> tokens;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        if (text[at] == '"') {
            for (; text[end] != '"'; ++end) {
                end += text[end] == '\\' ? 1U : 0U;
            }
            ++end;
        } else if (std::string_view(" \t\r\n").contains(text[at])) {
            end = std::min(text.size(), text.find_first_not_of(" \t\r\n", at));
        } else if (!std::string_view("{}[],:").contains(text[at])) {
            end = std::min(text.size(), text.find_first_of("{}[],: \t\r\n\"", at));
        }
        tokens.push_back(text.substr(at, end - at));
        at = end;
    }
    return tokens;
}

// How many tokens of `before` are not in `after`, where the rest of them stand in the same order.
inline std::size_t lost(const std::string& before, const std::string& after) {
    const auto old_tokens = lexed(before);
    const auto new_tokens = lexed(after);
    // The longest common subsequence, one row at a time.
    std::vector<std::size_t> row(new_tokens.size() + 1, 0);
    for (const auto& token : old_tokens) {
        std::size_t diagonal = 0;
        for (std::size_t i = 0; i < new_tokens.size(); ++i) {
            const auto above = row[i + 1];
            row[i + 1] = token == new_tokens[i] ? diagonal + 1 : std::max(above, row[i]);
            diagonal = above;
        }
    }
    return old_tokens.size() - row.back();
}

// The text at a path of keys: null where that is met on the way, empty where nothing is.
inline std::string raw_at(const std::string& text, const std::vector<std::string>& path) {
    std::string_view rest = text;
    for (const auto& key : path) {
        const auto object = oci::JsonObject::parse(rest, "");
        if (!object) {
            return std::string(rest); // null
        }
        const auto member = std::ranges::find(object->members(), key, &oci::JsonObject::Member::key);
        if (member == object->members().end()) {
            return "";
        }
        rest = member->value;
    }
    return std::string(rest);
}

inline std::size_t size_options(const std::string& text) {
    std::size_t tokens = 0;
    const auto list = raw_at(text, {"mounts"});
    const auto mounts = oci::JsonValue(list, "").array();
    for (const auto& mount : mounts.value_or(std::vector<oci::JsonValue>{})) {
        const auto options = raw_at(std::string(mount.text()), {"options"});
        tokens += options == "null" ? 1U : 0U;
        for (const auto& option : oci::JsonValue(options, "").array().value_or(std::vector<oci::JsonValue>{})) {
            tokens += option.string().value_or("").starts_with("size=") ? 1U : 0U;
        }
    }
    return tokens;
}

// How many tokens `edit` puts others in place of, at most.
inline std::size_t replaced(const std::string& text, const shim::SpecEdit& edit) {
    std::size_t tokens = edit.shm_size ? size_options(text) : 0;
    const auto add = [&](const std::vector<std::string>& path, const std::string& with) {
        const auto raw = raw_at(text, path);
        tokens += raw == with ? 0 : lexed(raw).size();
    };
    const auto add_number = [&](const char* group, const char* key, const std::optional<std::uint64_t>& number) {
        if (number) {
            add({"linux", "resources", group, key}, std::to_string(*number));
        }
    };
    add_number("memory", "limit", edit.memory_limit);
    add_number("memory", "swap", edit.memory_swap);
    add_number("pids", "limit", edit.pids_limit);
    for (const auto& [file, value] : edit.unified) {
        add({"linux", "resources", "unified", file}, "\"" + value + "\"");
    }
    if (edit.oom_kill) {
        add({"annotations", "org.systemd.property.OOMPolicy"}, "\"'kill'\"");
    }
    for (const auto* const stage : {"createRuntime", "poststop"}) {
        tokens += !edit.hook.empty() && raw_at(text, {"hooks", stage}) == "null" ? 1U : 0U;
    }
    return tokens;
}

} // namespace bulkhead::test
