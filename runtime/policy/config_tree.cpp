// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_tree.h"

#include <algorithm>

namespace bulkhead::policy {

namespace {

// Behind the string that begins at `begin`, or the text's end.
std::size_t end_of_string(std::string_view text, std::size_t begin) {
    auto at = begin + 1;
    while (at < text.size() && text[at] != '"') {
        at += text[at] == '\\' ? 2U : 1U;
    }
    return std::min(at + 1, text.size());
}

// Behind the comment that begins at `begin`; its line's end stays. npos where it does not end.
std::size_t end_of_comment(std::string_view text, std::size_t begin) {
    if (text[begin + 1] == '/') {
        return std::min(text.find('\n', begin), text.size());
    }
    const auto end = text.find("*/", begin + 2);
    return end == std::string_view::npos ? end : end + 2;
}

bool begins_comment(std::string_view text) { return text.starts_with("//") || text.starts_with("/*"); }

} // namespace

Result<std::string> without_comments(std::string_view text) {
    std::string bare(text);
    for (auto at = bare.find_first_of("\"/"); at != std::string::npos; at = bare.find_first_of("\"/", at)) {
        const auto rest = std::string_view(bare).substr(at);
        if (rest.front() == '"') {
            at = end_of_string(bare, at);
        } else if (!begins_comment(rest)) {
            ++at; // for the JSON parser to refuse
        } else {
            const auto end = end_of_comment(bare, at);
            if (end == std::string_view::npos) {
                return fail(Code::malformed_input, "has a comment that does not end");
            }
            bare.replace(at, end - at, end - at, ' ');
            at = end;
        }
    }
    return bare;
}

Result<ConfigTree> ConfigTree::parse(std::string_view text, const std::string& file) {
    TRY_ASSIGN(const auto bare, without_comments(text));
    TRY_ASSIGN(const auto object, oci::JsonObject::parse(bare, ""));
    ConfigTree tree;
    tree.file_ = file;
    TRY(tree.take_members(object));
    return tree;
}

// As deep as the text is nested: JsonObject refuses more than oci::deepest_nesting.
// NOLINTBEGIN(misc-no-recursion)
Result<ConfigTree> ConfigTree::build(const oci::JsonValue& value, const ConfigTree& parent, std::string_view name,
                                     std::string_view joint) {
    ConfigTree tree;
    tree.file_ = parent.file_;
    tree.name_ = name;
    tree.path_ = parent.path_;
    tree.path_.append(joint).append(name);
    if (value.is_object()) {
        TRY_ASSIGN(const auto object, value.object());
        TRY(tree.take_members(object));
        return tree;
    }
    tree.kind_ = value.is_null() ? Kind::removed : Kind::leaf;
    tree.text_ = value.text();
    return tree;
}

Result<void> ConfigTree::take_members(const oci::JsonObject& object) {
    for (const auto& member : object.members()) {
        TRY_ASSIGN(auto built, build(object.value_of(member), *this, member.key, path_.empty() ? "" : "."));
        members_.emplace(member.key, std::move(built));
    }
    return {};
}

void ConfigTree::merge(ConfigTree patch) {
    if (!patch.is_object() || patch.replaces_ || !is_object()) {
        patch.replaces_ = patch.is_object();
        *this = std::move(patch);
        return;
    }
    file_ = std::move(patch.file_);
    for (auto& [name, value] : patch.members_) {
        if (const auto here = members_.find(name); here != members_.end()) {
            here->second.merge(std::move(value));
        } else {
            members_.emplace(name, std::move(value));
        }
    }
}
// NOLINTEND(misc-no-recursion)

std::vector<const ConfigTree*> ConfigTree::members() const {
    std::vector<const ConfigTree*> members;
    for (const auto& [name, value] : members_) {
        if (value.kind_ != Kind::removed) {
            members.push_back(&value);
        }
    }
    return members;
}

Result<std::vector<ConfigTree>> ConfigTree::elements() const {
    TRY_ASSIGN(const auto values, value().array());
    std::vector<ConfigTree> elements;
    for (std::size_t i = 0; i < values.size(); ++i) {
        TRY_ASSIGN(auto element, build(values[i], *this, "[" + std::to_string(i) + "]", ""));
        elements.push_back(std::move(element));
    }
    return elements;
}

} // namespace bulkhead::policy
