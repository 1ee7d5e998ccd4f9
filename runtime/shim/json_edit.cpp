// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/json_edit.h"

#include "runtime/base/splice.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace bulkhead::shim {

namespace {

using oci::JsonObject;
using oci::JsonValue;

// `value` is a view of `text`.
std::size_t place_in(std::string_view text, std::string_view value) {
    return static_cast<std::size_t>(value.data() - text.data());
}

Splice replace(std::string_view text, std::string_view value, std::string with) {
    return {.at = place_in(text, value), .size = value.size(), .text = std::move(with)};
}

// What adds `addition`, members or elements with commas in between, behind the last of `present`; without one, behind
// the opening bracket of `text`.
Splice add_behind(std::string_view text, const std::vector<std::string_view>& present, const std::string& addition) {
    std::size_t end = 0;
    for (const auto value : present) {
        end = std::max(end, place_in(text, value) + value.size());
    }
    return end == 0 ? Splice{.at = text.find_first_of("{[") + 1, .size = 0, .text = addition}
                    : Splice{.at = end, .size = 0, .text = "," + addition};
}

std::optional<std::string> apply_any(std::string_view text, std::vector<Splice> splices) {
    return splices.empty() ? std::nullopt : std::optional(spliced(text, std::move(splices)));
}

// The objects' own members by key; find() of JsonObject does not tell null from missing.
const JsonObject::Member* member_of(const JsonObject& object, std::string_view key) {
    const auto found = std::ranges::find(object.members(), key, &JsonObject::Member::key);
    return found == object.members().end() ? nullptr : std::to_address(found);
}

void add_member(std::string& members, std::string_view key, std::string_view value) {
    members.append(members.empty() ? "" : ",").append(json_string(key)).append(":").append(value);
}

Edited edit_members(std::string_view text, const JsonObject& object, const std::vector<MemberEdit>& edits) {
    std::vector<Splice> splices;
    std::string added;
    for (const auto& [key, edit] : edits) {
        const auto* const member = member_of(object, key);
        TRY_ASSIGN(auto value, edit(object.find(key)));
        if (value && member != nullptr) {
            splices.push_back(replace(text, member->value, *std::move(value)));
        } else if (value) {
            add_member(added, key, *value);
        }
    }
    if (!added.empty()) {
        std::vector<std::string_view> present;
        for (const auto& member : object.members()) {
            present.push_back(member.value);
        }
        splices.push_back(add_behind(text, present, added));
    }
    return apply_any(text, std::move(splices));
}

Edited make_object(const std::vector<MemberEdit>& edits) {
    std::string members;
    for (const auto& [key, edit] : edits) {
        TRY_ASSIGN(const auto value, edit(std::nullopt));
        if (value) {
            add_member(members, key, *value);
        }
    }
    return members.empty() ? std::nullopt : std::optional("{" + members + "}");
}

} // namespace

Edit put(std::string text) {
    return [text = std::move(text)](const std::optional<JsonValue>& present) -> Edited {
        return present && present->text() == text ? std::nullopt : std::optional(text);
    };
}

Edit in_object(std::vector<MemberEdit> members) {
    return [members = std::move(members)](const std::optional<JsonValue>& present) -> Edited {
        if (!present) {
            return make_object(members);
        }
        TRY_ASSIGN(const auto object, present->object());
        return edit_members(present->text(), object, members);
    };
}

Edit in_elements(Edit edit) {
    return [edit = std::move(edit)](const std::optional<JsonValue>& present) -> Edited {
        if (!present) {
            return std::nullopt;
        }
        TRY_ASSIGN(const auto elements, present->array());
        std::vector<Splice> splices;
        for (const auto& element : elements) {
            TRY_ASSIGN(auto text, edit(element));
            if (text) {
                splices.push_back(replace(present->text(), element.text(), *std::move(text)));
            }
        }
        return apply_any(present->text(), std::move(splices));
    };
}

Edit add_element(std::string element, std::function<Result<bool>(const JsonValue&)> is_it) {
    return [element = std::move(element), is_it = std::move(is_it)](const std::optional<JsonValue>& present) -> Edited {
        if (!present) {
            return "[" + element + "]";
        }
        TRY_ASSIGN(const auto elements, present->array());
        std::vector<std::string_view> texts;
        for (const auto& there : elements) {
            TRY_ASSIGN(const auto found, is_it(there));
            if (found) {
                return std::nullopt;
            }
            texts.push_back(there.text());
        }
        return apply_any(present->text(), {add_behind(present->text(), texts, element)});
    };
}

Result<std::string> edit_text(std::string_view text, const std::vector<MemberEdit>& members) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    TRY_ASSIGN(auto changed, edit_members(text, object, members));
    return changed ? *std::move(changed) : std::string(text);
}

std::string json_string(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') {
            std::array<char, 8> escape{};
            static_cast<void>(std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c)));
            quoted += escape.data();
            continue;
        }
        if (c == '"' || c == '\\') {
            quoted += '\\';
        }
        quoted += c;
    }
    return quoted + "\"";
}

} // namespace bulkhead::shim
