// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/toml.h"

#include "runtime/engines/toml_limits.h"
#include "runtime/shim/json_edit.h"

#include <algorithm>
#include <sstream>

// The library's assertions hold what the text may well say ("[=]") for impossible (3.3): as assertions they abort, as
// assumptions of the optimiser's they are worse. Without them it goes on to say what is wrong.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace bulkhead::engines {

namespace {

// Turns the library's lines and columns, which are code points, into bytes: a line may be as long as the text.
class Places {
public:
    explicit Places(std::string_view text) : size_(text.size()) {
        lines_.push_back(text.starts_with("\xEF\xBB\xBF") ? 1 : 0); // a byte order mark is no column
        for (std::size_t at = 0; at < text.size(); ++at) {
            if ((static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U) {
                points_.push_back(at);
            }
            if (text[at] == '\n') {
                lines_.push_back(points_.size());
            }
        }
    }

    [[nodiscard]] Place of(const toml::source_region& region) const {
        return {.begin = byte(region.begin), .end = byte(region.end)};
    }

private:
    [[nodiscard]] std::size_t byte(const toml::source_position& position) const {
        if (position.line == 0 || position.line > lines_.size()) {
            return size_;
        }
        const auto point = lines_[position.line - 1] + std::max<std::size_t>(position.column, 1) - 1;
        return point < points_.size() ? points_[point] : size_;
    }

    std::size_t size_;
    std::vector<std::size_t> points_; // the byte that each code point begins at
    std::vector<std::size_t> lines_;  // the code point that each line begins with
};

class Reader {
public:
    explicit Reader(std::string_view text) : text_(text), places_(text) {}

    [[nodiscard]] Toml value(const toml::node& node) const {
        Toml read;
        read.place = places_.of(node.source());
        if (const auto* const table = node.as_table()) {
            read_table(*table, read);
        } else if (const auto* const array = node.as_array()) {
            read.kind = Toml::Kind::array;
            for (const auto& element : *array) {
                read.elements.push_back(value(element));
            }
        } else {
            read_scalar(node, read);
        }
        return read;
    }

private:
    void read_table(const toml::table& table, Toml& read) const {
        const bool has_header = read.place.begin < text_.size() && text_[read.place.begin] == '[';
        read.form = table.is_inline() ? Toml::Form::in_line : has_header ? Toml::Form::header : Toml::Form::dotted;
        for (const auto& [key, member] : table) {
            read.members.push_back(
                {.key = std::string(key.str()), .value = value(member), .place = places_.of(key.source())});
        }
    }

    static void read_scalar(const toml::node& node, Toml& read) {
        if (const auto* const text = node.as_string()) {
            read.kind = Toml::Kind::string;
            read.text = text->get();
        } else if (const auto* const boolean = node.as_boolean()) {
            read.kind = Toml::Kind::boolean;
            read.boolean = boolean->get();
        } else if (const auto* const integer = node.as_integer()) {
            read.kind = Toml::Kind::integer;
            read.integer = integer->get();
        } else {
            std::ostringstream written;
            node.visit([&](const auto& each) { written << each; });
            read.kind = Toml::Kind::other;
            read.text = written.str();
        }
    }

    std::string_view text_;
    Places places_;
};

std::string array_text(const std::vector<Toml>& elements) {
    std::string text;
    for (const auto& element : elements) {
        text.append(text.empty() ? "" : ", ").append(to_text(element));
    }
    return "[" + text + "]";
}

std::string inline_table_text(const std::vector<TomlMember>& members) {
    std::string text;
    for (const auto& [key, value, place] : members) {
        text.append(text.empty() ? "" : ", ").append(key_text(key)).append(" = ").append(to_text(value));
    }
    return text.empty() ? "{}" : "{ " + text + " }";
}

} // namespace

Toml Toml::of(std::string_view text) {
    Toml value;
    value.kind = Kind::string;
    value.text = text;
    return value;
}

Toml Toml::of_boolean(bool value) {
    Toml made;
    made.kind = Kind::boolean;
    made.boolean = value;
    return made;
}

Toml Toml::of(const std::vector<std::string>& strings) {
    Toml value;
    value.kind = Kind::array;
    for (const auto& string : strings) {
        value.elements.push_back(of(string));
    }
    return value;
}

const Toml* Toml::member(std::string_view key) const {
    const auto found = std::ranges::find(members, key, &TomlMember::key);
    return found == members.end() ? nullptr : &found->value;
}

Toml* Toml::member(std::string_view key) {
    const auto found = std::ranges::find(members, key, &TomlMember::key);
    return found == members.end() ? nullptr : &found->value;
}

const Toml* Toml::find(std::span<const std::string> path) const {
    const Toml* at = this;
    for (const auto& key : path) {
        at = at->member(key);
        if (at == nullptr) {
            return nullptr;
        }
    }
    return at;
}

std::string Toml::string_at(const TomlPath& path) const {
    const auto* const found = find(path);
    return found != nullptr && found->kind == Kind::string ? found->text : "";
}

std::vector<std::string> Toml::strings_at(const TomlPath& path) const {
    std::vector<std::string> strings;
    if (const auto* const found = find(path)) {
        for (const auto& element : found->elements) {
            if (element.kind == Kind::string) {
                strings.push_back(element.text);
            }
        }
    }
    return strings;
}

bool Toml::set(std::span<const std::string> path, Toml value) {
    if (path.empty()) {
        *this = std::move(value);
        return true;
    }
    if (!is_table()) {
        return false;
    }
    auto* below = member(path.front());
    if (below == nullptr) {
        members.push_back({.key = path.front(), .value = table(), .place = {}});
        below = &members.back().value;
    }
    return below->set(path.subspan(1), std::move(value));
}

void Toml::remove(std::span<const std::string> path) {
    auto* const below = member(path.front());
    if (below != nullptr && path.size() > 1) {
        below->remove(path.subspan(1));
    } else {
        std::erase_if(members, [&](const TomlMember& each) { return each.key == path.front(); });
    }
}

bool Toml::operator==(const Toml& other) const {
    return kind == other.kind && text == other.text && integer == other.integer && boolean == other.boolean &&
           elements == other.elements && members.size() == other.members.size() &&
           std::ranges::all_of(members, [&](const TomlMember& each) {
               const auto* const there = other.member(each.key);
               return there != nullptr && *there == each.value;
           });
}

Result<Toml> parse_toml(std::string_view text) {
    TRY(require_modest_toml(text));
    const auto parsed = toml::parse(text);
    if (!parsed) {
        const auto& error = parsed.error();
        return fail(Code::bad_config,
                    "line " + std::to_string(error.source().begin.line) + ": " + std::string(error.description()));
    }
    return Reader(text).value(parsed.table());
}

std::string to_text(const Toml& value) {
    switch (value.kind) {
    case Toml::Kind::table:
        return inline_table_text(value.members);
    case Toml::Kind::array:
        return array_text(value.elements);
    case Toml::Kind::string:
        return shim::json_string(value.text);
    case Toml::Kind::boolean:
        return value.boolean ? "true" : "false";
    case Toml::Kind::integer:
        return std::to_string(value.integer);
    case Toml::Kind::other:
        return value.text;
    }
    return "";
}

std::string key_text(std::string_view key) {
    constexpr std::string_view bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    return !key.empty() && key.find_first_not_of(bare) == std::string_view::npos ? std::string(key)
                                                                                 : shim::json_string(key);
}

std::string path_text(std::span<const std::string> path) {
    std::string text;
    for (const auto& key : path) {
        text.append(text.empty() ? "" : ".").append(key_text(key));
    }
    return text;
}

namespace {

// What containers.conf(5) calls an attribute: { append = true } among the elements.
bool says_append(const Toml& array) {
    return std::ranges::any_of(array.elements, [](const Toml& element) {
        const auto* const append = element.member("append");
        return append != nullptr && append->boolean;
    });
}

void merge_value(Toml& base, const Toml& over, const MergeRules& rules, TomlPath& path) {
    const bool arrays = base.kind == Toml::Kind::array && over.kind == Toml::Kind::array;
    if (arrays && (rules.append_arrays || says_append(over))) {
        base.elements.insert(base.elements.end(), over.elements.begin(), over.elements.end());
        return;
    }
    if (!base.is_table() || !over.is_table()) {
        base = over;
        return;
    }
    const bool whole = !rules.whole.empty() && path == rules.whole;
    for (const auto& each : over.members) {
        auto* const below = base.member(each.key);
        if (below == nullptr) {
            base.members.push_back(each);
        } else if (whole) {
            *below = each.value;
        } else {
            path.push_back(each.key);
            merge_value(*below, each.value, rules, path);
            path.pop_back();
        }
    }
}

} // namespace

void merge(Toml& base, const Toml& over, const MergeRules& rules) {
    TomlPath path;
    merge_value(base, over, rules, path);
}

} // namespace bulkhead::engines
