// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/json_text.h"

#include "runtime/base/splice.h"
#include "runtime/oci/json.h"
#include "runtime/shim/json_edit.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

namespace bulkhead::engines {

namespace {

using oci::JsonObject;
using shim::json_string;
using Path = std::span<const std::string>;

// How an object of this text is laid out.
struct Layout {
    std::string before_key = "\n    "; // from what stands before a key to its quote
    std::string before_end = "\n";     // from the last value to the closing brace
    std::string colon = ": ";
    std::string step = "    "; // what a level is indented by; empty: all stands on one line

    // Of an object within this one.
    [[nodiscard]] Layout below() const {
        return {.before_key = before_key + step, .before_end = before_key, .colon = colon, .step = step};
    }
};

std::string object_text(const std::vector<std::pair<std::string, std::string>>& members, const Layout& layout) {
    std::string text;
    const bool one_line = layout.step.empty();
    for (const auto& [key, value] : members) {
        text.append(text.empty() ? "" : ",").append(one_line && text.empty() ? "" : layout.before_key);
        text.append(json_string(key)).append(layout.colon).append(value);
    }
    return "{" + text + (one_line ? "" : layout.before_end) + "}";
}

std::string value_text(const JsonValueText& value, const Layout& layout) {
    if (value.members.empty()) {
        return json_string(value.string);
    }
    std::vector<std::pair<std::string, std::string>> members;
    for (const auto& [key, string] : value.members) {
        members.emplace_back(key, json_string(string));
    }
    return object_text(members, layout.below());
}

// `rest` as objects in each other around the value.
std::string nested_text(Path rest, const JsonValueText& value, const Layout& layout) {
    return rest.empty()
               ? value_text(value, layout)
               : object_text({{rest.front(), nested_text(rest.subspan(1), value, layout.below())}}, layout.below());
}

struct Member {
    std::string key;
    std::size_t begin = 0; // its quote
    std::size_t value = 0;
    std::size_t end = 0;
};

// An object's bytes in the text, with its members in their order.
struct Object {
    std::size_t begin = 0; // the opening brace
    std::size_t end = 0;   // behind the closing one
    std::vector<Member> members;

    [[nodiscard]] const Member* find(std::string_view key) const {
        const auto found = std::ranges::find(members, key, &Member::key);
        return found == members.end() ? nullptr : std::to_address(found);
    }
};

// `object_text` is a view of `text`.
Result<Object> object_in(std::string_view text, std::string_view object_text) {
    TRY_ASSIGN(const auto parsed, JsonObject::parse(object_text, ""));
    Object object;
    object.begin = text.find('{', static_cast<std::size_t>(object_text.data() - text.data()));
    object.end =
        text.find_last_of('}', static_cast<std::size_t>(object_text.data() - text.data()) + object_text.size() - 1) + 1;
    for (const auto& [key, value] : parsed.members()) {
        const auto at = static_cast<std::size_t>(value.data() - text.data());
        object.members.push_back({.key = std::string(key), .value = at, .end = at + value.size()});
    }
    std::ranges::sort(object.members, {}, &Member::value);
    auto behind = object.begin;
    for (auto& member : object.members) {
        member.begin = text.find('"', behind + 1);
        behind = text.find_first_of(",}", member.end);
    }
    return object;
}

std::string colon_of(std::string_view text, const Member& member) {
    const auto colon = text.rfind('"', member.value - 1) + 1;
    return std::string(text.substr(colon, member.value - colon));
}

Layout layout_of(std::string_view text, const Object& object, const Layout& from_above) {
    if (object.members.empty()) {
        return from_above;
    }
    Layout layout;
    const auto& first = object.members.front();
    layout.before_key = text.substr(object.begin + 1, first.begin - object.begin - 1);
    const auto last = object.members.back().end;
    layout.before_end = text.substr(last, object.end - 1 - last);
    layout.colon = colon_of(text, first);
    if (layout.before_key.find('\n') == std::string::npos) {
        layout.step.clear();
        // One line: behind a comma stands what stands behind the commas that there are, else what the colon has.
        layout.before_key =
            object.members.size() > 1 ? text.substr(object.members[1].begin - 1, 1) : layout.colon.substr(1);
        layout.before_key = layout.before_key == " " ? " " : "";
    } else if (layout.before_key.starts_with(layout.before_end) && layout.before_key != layout.before_end) {
        layout.step = layout.before_key.substr(layout.before_end.size());
    }
    return layout;
}

std::string with_member(std::string_view text, const Object& object, const Layout& layout, std::string_view key,
                        const std::string& value) {
    const auto member = json_string(key) + layout.colon + value;
    if (object.members.empty()) {
        const bool one_line = layout.step.empty();
        return spliced(text, {{.at = object.begin,
                               .size = object.end - object.begin,
                               .text = "{" + (one_line ? "" : layout.before_key) + member +
                                       (one_line ? "" : layout.before_end) + "}"}});
    }
    return spliced(text, {{.at = object.members.back().end, .size = 0, .text = "," + layout.before_key + member}});
}

std::string without_member(std::string_view text, const Object& object, const Member& member) {
    const auto index = static_cast<std::size_t>(&member - object.members.data());
    auto begin = object.begin + 1;
    auto end = object.end - 1;
    if (index > 0) {
        begin = object.members[index - 1].end;
        end = member.end;
    } else if (object.members.size() > 1) {
        begin = member.begin;
        end = object.members[1].begin;
    }
    return spliced(text, {{.at = begin, .size = end - begin, .text = ""}});
}

// The text with the wish come true below the object at `object_text`.
Result<std::string> edit_object(std::string_view text, std::string_view object_text, Path path, const JsonWish& wish,
                                const Layout& from_above) {
    TRY_ASSIGN(const auto object, object_in(text, object_text));
    const auto layout = layout_of(text, object, from_above);
    const auto* const member = object.find(path.front());
    if (member == nullptr) {
        return wish.value
                   ? with_member(text, object, layout, path.front(), nested_text(path.subspan(1), *wish.value, layout))
                   : std::string(text);
    }
    const auto value = text.substr(member->value, member->end - member->value);
    if (path.size() > 1 && value != "null") {
        if (!value.starts_with('{')) {
            return fail(Code::bad_config, in_quotes(path.front()) + " is not an object");
        }
        return edit_object(text, value, path.subspan(1), wish, layout.below());
    }
    if (!wish.value) {
        return path.size() > 1 ? std::string(text) : without_member(text, object, *member);
    }
    return spliced(
        text, {{.at = member->value, .size = value.size(), .text = nested_text(path.subspan(1), *wish.value, layout)}});
}

// --- The proof ------------------------------------------------------------------------------------------------------

using nlohmann::json;

json value_of(const JsonValueText& value) {
    if (value.members.empty()) {
        return value.string;
    }
    auto object = json::object();
    for (const auto& [key, string] : value.members) {
        object[key] = string;
    }
    return object;
}

void wish_in(json& object, Path path, const JsonWish& wish) {
    if (!wish.value && (!object.is_object() || !object.contains(path.front()))) {
        return;
    }
    if (path.size() > 1) {
        wish_in(object[path.front()], path.subspan(1), wish);
    } else if (wish.value) {
        object[path.front()] = value_of(*wish.value);
    } else {
        object.erase(path.front());
    }
}

Result<std::string> fulfil(const std::string& text, const JsonWish& wish) {
    auto wanted = json::parse(text, nullptr, false);
    if (!wanted.is_object()) {
        return fail(Code::bad_config, "is not one JSON object");
    }
    TRY_ASSIGN(auto changed, edit_object(text, text, wish.path, wish, Layout()));
    const auto before = wanted;
    wish_in(wanted, wish.path, wish);
    if (wanted == before) {
        return text;
    }
    if (json::parse(changed, nullptr, false) != wanted) {
        return fail(Code::bad_config,
                    "its form is one that cannot be changed without changing the rest; do it by hand");
    }
    return changed;
}

} // namespace

Result<std::string> edit_json(std::string_view text, const std::vector<JsonWish>& wishes) {
    const bool blank = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    std::string changed = blank ? "{}\n" : std::string(text);
    for (const auto& wish : wishes) {
        auto next = fulfil(changed, wish);
        if (!next) {
            auto error = std::move(next).error();
            error.code = Code::bad_config;
            return std::unexpected(std::move(error));
        }
        changed = *std::move(next);
    }
    return changed;
}

} // namespace bulkhead::engines
