// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_terms.h"

#include "runtime/base/glob.h"
#include "runtime/base/nearest.h"
#include "runtime/base/quantity.h"
#include "runtime/oci/request.h"

#include <algorithm>
#include <array>
#include <span>

namespace bulkhead::policy {

namespace {

using oci::Key;
using oci::KeyInfo;
using oci::ValueType;

constexpr std::string_view segment_size = "segment-size";
constexpr std::string_view segments_total = "segments-total";
constexpr std::string_view segment = "segment";

std::unexpected<Error> bad(std::string what) { return fail(Code::bad_config, std::move(what)); }

// A boolean has no maximum, and a segment's is called after its size.
bool has_maximum(const KeyInfo& info) { return info.type == ValueType::bytes || info.type == ValueType::count; }
bool has_default(const KeyInfo& info) { return info.type != ValueType::segment; }

// What a value of `key` looks like in JSON: text as in the annotation, or a bare number or boolean.
Result<std::string> written(const oci::JsonValue& value, ValueType type) {
    if (auto text = value.string()) {
        return text;
    }
    const bool bare = type == ValueType::boolean ? value.boolean().has_value() : value.unsigned_integer().has_value();
    if (bare) {
        return std::string(value.text());
    }
    return bad(type == ValueType::boolean ? "is neither true nor false"
                                          : "is no number; write digits, or a quantity in "
                                            "quotes");
}

Result<Size> parse_term(Key key, const oci::JsonValue& value, std::string& text) {
    const auto type = oci::info_of(key).type;
    TRY_ASSIGN(text, written(value, type));
    if (type == ValueType::bytes && text.ends_with('%')) {
        return parse_size(value);
    }
    TRY_ASSIGN(const auto number, oci::parse_value(key, text));
    return Size{.value = number, .percent = false};
}

// Behind a place: "is too little", else 'is "512m": "m" is milli'.
std::string reason(const Error& error, const std::string& text) {
    const bool predicate = std::ranges::any_of(std::array{"is ", "has ", "does "},
                                               [&](const char* verb) { return error.what.starts_with(verb); });
    return predicate ? error.what : "is " + in_quotes(text) + ": " + error.what;
}

void read_term(ConfigReader& reader, const ConfigTree& tree, Key key, std::optional<Term>& term) {
    Term read{.size = {}, .text = {}, .place = {.file = tree.file(), .path = tree.path()}};
    auto size = parse_term(key, tree.value(), read.text);
    if (!size) {
        reader.problem(tree, reason(size.error(), read.text));
        size = Size{};
    }
    read.size = *size;
    term = std::move(read); // a default that is bad is one all the same: who falls under it is not let through
}

// Of a segment's size, or of all of a namespace together.
void read_segment_term(ConfigReader& reader, const ConfigTree& tree, std::optional<Term>& term) {
    Term read{
        .size = {}, .text = std::string(tree.value().text()), .place = {.file = tree.file(), .path = tree.path()}};
    if (const auto text = tree.value().string()) {
        read.text = *text;
    }
    const auto size = parse_size(tree.value());
    if (!size) {
        reader.problem(tree, reason(size.error(), read.text));
        return;
    }
    read.size = *size;
    term = std::move(read);
}

const KeyInfo* key_named(std::string_view name, bool (*wanted)(const KeyInfo&)) {
    const auto* const info = std::ranges::find(oci::annotation_keys, name, &KeyInfo::name);
    return info != oci::annotation_keys.end() && wanted(*info) ? info : nullptr;
}

std::vector<std::string_view> names_of(bool (*wanted)(const KeyInfo&)) {
    std::vector<std::string_view> names;
    for (const auto& info : oci::annotation_keys) {
        if (wanted(info)) {
            names.push_back(info.name);
        }
    }
    return names;
}

// 1 to 63 of what a namespace's name is made of, or something that local_namespace matches.
bool may_match_namespace(std::string_view glob) {
    constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyz0123456789-*?";
    constexpr std::size_t longest = 63;
    const auto fixed = static_cast<std::size_t>(std::ranges::count_if(glob, [](char c) { return c != '*'; }));
    return glob_matches(glob, local_namespace) ||
           (!glob.empty() && fixed <= longest && glob.front() != '-' && glob.back() != '-' &&
            glob.find_first_not_of(characters) == std::string_view::npos);
}

bool may_match_container(std::string_view glob) {
    constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-*?";
    return !glob.empty() && glob.find_first_not_of(characters) == std::string_view::npos;
}

constexpr std::string_view no_namespace = R"(matches no namespace; write a-z, 0-9 and -, "*" and "?", or "@local")";

void read_rule_namespace(ConfigReader& reader, const ConfigTree& tree, Rule& rule) {
    reader.string(tree, rule.name_space.emplace());
    rule.broken = rule.broken || !may_match_namespace(*rule.name_space);
    if (tree.value().string() && !may_match_namespace(*rule.name_space)) {
        reader.problem(tree, no_namespace);
    }
}

void read_rule_container(ConfigReader& reader, const ConfigTree& tree, Rule& rule) {
    reader.string(tree, rule.container.emplace());
    rule.broken = rule.broken || !may_match_container(*rule.container);
    if (tree.value().string() && !may_match_container(*rule.container)) {
        reader.problem(tree, R"(matches no container; write letters, digits and _.+-, "*" and "?")");
    }
}

// "segment" is all segments.
void read_allowed(ConfigReader& reader, const ConfigTree& tree, std::vector<Key>& allow) {
    const auto text = tree.value().string();
    if (!text) {
        reader.problem(tree, "is not a string");
        return;
    }
    const auto* const info = key_named(*text, has_default);
    if (info == nullptr && *text != segment) {
        const auto known = allow_names();
        const auto meant = nearest(*text, known);
        reader.problem(tree,
                       "is no key that can be asked for; " +
                           (meant.empty() ? "bulkhead.json(5) lists them" : "the nearest is " + in_quotes(meant)));
        return;
    }
    allow.push_back(info == nullptr ? Key::segment : info->key);
}

void read_allow(ConfigReader& reader, const ConfigTree& tree, Rule& rule) {
    rule.allow.emplace();
    for (const auto& element : reader.elements(tree)) {
        read_allowed(reader, element, *rule.allow);
    }
}

constexpr std::array<ConfigMember<Rule>, 5> rule_members{{
    {"namespace", read_rule_namespace},
    {"container", read_rule_container},
    {"max", [](ConfigReader& reader, const ConfigTree& tree, Rule& rule) { read_max(reader, tree, rule.max); }},
    {"defaults",
     [](ConfigReader& reader, const ConfigTree& tree, Rule& rule) { read_defaults(reader, tree, rule.defaults); }},
    {"allow", read_allow},
}};

bool covers(const std::optional<std::string>& general, const std::optional<std::string>& special) {
    return !general || glob_covers(*general, special.value_or("*"));
}

// An earlier rule that takes every container which the last one could.
void require_reachable(ConfigReader& reader, const ConfigTree& tree, const std::vector<Rule>& rules) {
    const auto& last = rules.back();
    const auto earlier = std::ranges::find_if(rules, [&](const Rule& rule) {
        return &rule == &last ||
               (!rule.broken && covers(rule.name_space, last.name_space) && covers(rule.container, last.container));
    });
    if (&*earlier != &last && !last.broken) {
        reader.problem(tree, "can never match, as " + earlier->place.path + " before it matches all that it does");
    }
}

} // namespace

Result<Size> parse_size(const oci::JsonValue& value) {
    const auto text = value.string();
    if (!text) {
        const auto bytes = value.unsigned_integer();
        const bool good = bytes && *bytes > 0 && *bytes <= oci::any_bytes;
        return good ? Result<Size>({.value = *bytes, .percent = false})
                    : bad(R"(is no size; write "2Gi", bytes, or a share of RAM, "25%")");
    }
    if (text->ends_with('%')) {
        const auto percent = parse_unsigned(std::string_view(*text).substr(0, text->size() - 1));
        return percent && *percent > 0 && *percent <= 100 ? Result<Size>({.value = *percent, .percent = true})
                                                          : bad(R"(is no share; write "1%" to "100%")");
    }
    TRY_ASSIGN(const auto bytes, parse_bytes(*text));
    return bytes.value == 0 ? Result<Size>(bad("is 0; write more")) : Size{.value = bytes.value, .percent = false};
}

void read_max(ConfigReader& reader, const ConfigTree& tree, Terms& max) {
    for (const auto* member : reader.objects_members(tree)) {
        if (const auto* info = key_named(member->name(), has_maximum)) {
            read_term(reader, *member, info->key, max.by_key[static_cast<std::size_t>(info->key)]);
        } else if (member->name() == segment_size) {
            read_segment_term(reader, *member, max.by_key[static_cast<std::size_t>(Key::segment)]);
        } else if (member->name() == segments_total) {
            read_segment_term(reader, *member, max.segments_total);
        } else {
            reader.unknown(*member, max_names());
        }
    }
}

// A name that is none was meant to be one: as with a bad value, who falls under it is not let through.
void read_defaults(ConfigReader& reader, const ConfigTree& tree, Terms& defaults) {
    defaults.broken = !tree.is_object();
    for (const auto* member : reader.objects_members(tree)) {
        if (const auto* info = key_named(member->name(), has_default)) {
            read_term(reader, *member, info->key, defaults.by_key[static_cast<std::size_t>(info->key)]);
        } else {
            reader.unknown(*member, default_names());
            defaults.broken = true;
        }
    }
}

// One whose conditions were not all understood, as they are misspelt, must not be taken for one without.
bool has_unknown_member(const ConfigTree& tree) {
    return !tree.is_object() || std::ranges::any_of(tree.members(), [](const ConfigTree* member) {
        return std::ranges::find(rule_members, member->name(), &ConfigMember<Rule>::name) == rule_members.end();
    });
}

void read_rules(ConfigReader& reader, const ConfigTree& tree, std::vector<Rule>& rules) {
    for (const auto& element : reader.elements(tree)) {
        auto& rule = rules.emplace_back();
        rule.place = {.file = element.file(), .path = element.path()};
        reader.members<Rule>(element, rule_members, rule);
        rule.broken = rule.broken || has_unknown_member(element);
        require_reachable(reader, element, rules);
    }
}

void read_namespace_globs(ConfigReader& reader, const ConfigTree& tree, std::vector<std::string>& globs) {
    globs.clear();
    for (const auto& element : reader.elements(tree)) {
        auto& glob = globs.emplace_back();
        reader.string(element, glob);
        if (element.value().string() && !may_match_namespace(glob)) {
            reader.problem(element, no_namespace);
        }
    }
}

std::vector<std::string_view> max_names() {
    auto names = names_of(has_maximum);
    names.insert(names.end(), {segment_size, segments_total});
    return names;
}

std::vector<std::string_view> default_names() { return names_of(has_default); }

std::vector<std::string_view> rule_names() { return ConfigReader::names_of<Rule>(rule_members); }

std::vector<std::string_view> allow_names() {
    auto names = names_of(has_default);
    names.push_back(segment);
    return names;
}

} // namespace bulkhead::policy
