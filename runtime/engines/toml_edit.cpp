// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/toml_edit.h"

#include "runtime/base/splice.h"

#include <algorithm>
#include <functional>
#include <span>

namespace bulkhead::engines {

namespace {

using Path = std::span<const std::string>;

bool has_header(const Toml& value) { return value.is_table() && value.form == Toml::Form::header; }

// A table that is only named as a part of another one's header lies where that one lies.
bool has_own_header(const Toml& table) {
    return has_header(table) && std::ranges::none_of(table.members, [&](const TomlMember& each) {
               return has_header(each.value) && each.value.place.begin == table.place.begin;
           });
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::string_view trimmed(std::string_view line) {
    const auto first = line.find_first_not_of(" \t\r\n");
    return first == std::string_view::npos ? "" : line.substr(first, line.find_last_not_of(" \t\r\n") + 1 - first);
}

// A text, what it says, and where lines of it begin and end.
class Text {
public:
    Text(std::string_view text, const Toml& root, std::string_view comment)
        : text_(text), root_(root), comment_(comment),
          line_end_(text.find("\r\n") == std::string_view::npos ? "\n" : "\r\n") {}

    [[nodiscard]] std::string_view text() const { return text_; }
    [[nodiscard]] const Toml& root() const { return root_; }

    // The text with `line` behind the line at `at`.
    [[nodiscard]] std::string with_line_behind(std::size_t at, std::string_view line) const {
        const auto end = end_of_line(at);
        const bool open = end > 0 && text_[end - 1] != '\n';
        return spliced(text_,
                       {{.at = end, .size = 0, .text = (open ? line_end_ : "") + std::string(line) + line_end_}});
    }

    [[nodiscard]] std::string with_block(std::string_view block_of_lines) const {
        std::string changed(text_);
        if (!changed.empty() && changed.back() != '\n') {
            changed += line_end_;
        }
        if (!changed.empty()) {
            changed += line_end_;
        }
        changed.append(comment_).append(comment_.empty() ? "" : line_end_);
        for (const char c : block_of_lines) {
            changed += c == '\n' ? line_end_ : std::string(1, c);
        }
        return changed;
    }

    [[nodiscard]] std::size_t begin_of_line(std::size_t at) const {
        const auto before = at == 0 ? std::string_view::npos : text_.rfind('\n', at - 1);
        return before == std::string_view::npos ? 0 : before + 1;
    }
    [[nodiscard]] std::size_t end_of_line(std::size_t at) const {
        const auto end = text_.find('\n', at);
        return end == std::string_view::npos ? text_.size() : end + 1;
    }
    [[nodiscard]] std::string indentation_at(std::size_t at) const {
        const auto begin = begin_of_line(at);
        return std::string(text_.substr(begin, text_.find_first_not_of(" \t", begin) - begin));
    }

    // Where what stands under the table's own header, or before the first one, ends; 0 where there is nothing.
    [[nodiscard]] static std::size_t end_of_own(const Toml& table) {
        std::size_t end = 0;
        for (const auto& each : table.members) {
            if (!has_header(each.value) && !is_array_of_tables(each.value)) {
                const bool dotted = each.value.is_table() && each.value.form == Toml::Form::dotted;
                end = std::max(end, dotted ? end_of_own(each.value) : each.value.place.end);
            }
        }
        return end;
    }

    [[nodiscard]] bool has_our_comment(const Toml& table) const {
        return !comment_.empty() && trimmed(line_before(begin_of_line(table.place.begin))) == comment_;
    }

    // The lines of one table, from its header on; with our comment above it, and a blank line above that.
    [[nodiscard]] Splice section(const Toml& table) const {
        auto begin = begin_of_line(table.place.begin);
        const auto end = end_of_line(std::max(end_of_own(table), table.place.end) - 1);
        for (auto line = line_before(begin); !comment_.empty() && trimmed(line) == comment_;
             line = line_before(begin)) {
            begin -= line.size();
        }
        if (const auto line = line_before(begin); !line.empty() && is_blank(line)) {
            begin -= line.size();
        }
        return {.at = begin, .size = end - begin, .text = ""};
    }

private:
    static bool is_array_of_tables(const Toml& value) {
        return value.kind == Toml::Kind::array && !value.elements.empty() && has_header(value.elements.front());
    }
    [[nodiscard]] std::string_view line_before(std::size_t begin) const {
        const auto at = begin == 0 ? 0 : begin_of_line(begin - 1);
        return text_.substr(at, begin - at);
    }

    std::string_view text_;
    const Toml& root_;
    std::string_view comment_;
    std::string line_end_;
};

// --- Ways to write something. Each may be wrong for a text: what it makes is read again. ----------------------------

using Candidate = std::optional<std::string>;

std::string block_of(Path path, const Toml& table) {
    std::string lines;
    std::string below;
    for (const auto& [key, value, place] : table.members) {
        if (value.is_table()) {
            std::vector<std::string> whole(path.begin(), path.end());
            whole.push_back(key);
            below.append("\n").append(block_of(whole, value));
        } else {
            lines.append(key_text(key)).append(" = ").append(to_text(value)).append("\n");
        }
    }
    return "[" + path_text(path) + "]\n" + lines + below;
}

// In place of the value that is there.
Candidate replace_value(const Text& text, Path path, const Toml& value) {
    const auto* const there = text.root().find(path);
    if (there == nullptr || (there->is_table() && there->form != Toml::Form::in_line)) {
        return std::nullopt;
    }
    const auto& place = there->place;
    return spliced(text.text(), {{.at = place.begin, .size = place.end - place.begin, .text = to_text(value)}});
}

// At the end of the text: the table itself, or its parent with the one member.
Candidate append_table(const Text& text, Path path, const Toml& value) {
    if (value.is_table()) {
        return text.with_block(block_of(path, value));
    }
    if (path.size() < 2) {
        return std::nullopt;
    }
    Toml parent;
    parent.set(path.last(1), value);
    return text.with_block(block_of(path.first(path.size() - 1), parent));
}

// As the last line of the nearest table around it that has a header, or of what stands before the first header.
Candidate add_line(const Text& text, Path path, const Toml& value) {
    const Toml* around = &text.root();
    std::size_t depth = 0;
    const Toml* at = around;
    for (std::size_t each = 0; each + 1 < path.size(); ++each) {
        at = at->member(path[each]);
        if (at == nullptr) {
            break;
        }
        if (has_own_header(*at)) {
            around = at;
            depth = each + 1;
        }
    }
    auto anchor = Text::end_of_own(*around);
    if (anchor == 0 && depth == 0) {
        return text.root().members.empty()
                   ? Candidate(text.with_block(path_text(path) + " = " + to_text(value) + "\n"))
                   : Candidate(path_text(path) + " = " + to_text(value) + "\n" + std::string(text.text()));
    }
    anchor = (anchor == 0 ? around->place.end : anchor) - 1;
    return text.with_line_behind(anchor,
                                 text.indentation_at(anchor) + path_text(path.subspan(depth)) + " = " + to_text(value));
}

// Within the braces of the nearest table around it that has some.
Candidate add_in_line(const Text& text, Path path, const Toml& value) {
    const Toml* at = &text.root();
    for (std::size_t depth = 0; depth + 1 < path.size(); ++depth) {
        at = at->member(path[depth]);
        if (at == nullptr) {
            return std::nullopt;
        }
        const auto rest = path.subspan(depth + 1);
        if (at->form == Toml::Form::in_line && (rest.size() == 1 || at->member(rest.front()) == nullptr)) {
            Toml nested;
            nested.set(rest.subspan(1), value);
            const auto last = text.text().find_last_not_of(" \t", at->place.end - 2);
            const auto* const comma = text.text()[last] == '{' ? " " : ", ";
            return spliced(text.text(), {{.at = last + 1,
                                          .size = at->place.end - 1 - (last + 1),
                                          .text = comma + key_text(rest.front()) + " = " + to_text(nested) + " "}});
        }
    }
    return std::nullopt;
}

// --- Ways to take something out -------------------------------------------------------------------------------------

const TomlMember* member_at(const Toml& root, Path path) {
    const auto* const parent = root.find(path.first(path.size() - 1));
    if (parent == nullptr) {
        return nullptr;
    }
    const auto found = std::ranges::find(parent->members, path.back(), &TomlMember::key);
    return found == parent->members.end() ? nullptr : std::to_address(found);
}

Candidate remove_lines(const Text& text, const TomlMember& member) {
    if (member.value.is_table() && member.value.form != Toml::Form::in_line) {
        return std::nullopt;
    }
    const auto begin = text.begin_of_line(member.place.begin);
    return spliced(text.text(),
                   {{.at = begin, .size = text.end_of_line(member.value.place.end - 1) - begin, .text = ""}});
}

Candidate remove_in_line(const Text& text, const TomlMember& member) {
    auto begin = member.place.begin;
    auto end = member.value.place.end;
    const auto before = begin == 0 ? std::string_view::npos : text.text().find_last_not_of(" \t", begin - 1);
    if (before == std::string_view::npos) {
        return std::nullopt;
    }
    if (text.text()[before] == ',') {
        begin = before;
    } else if (const auto behind = text.text().find_first_not_of(" \t", end);
               behind != std::string_view::npos && text.text()[behind] == ',') {
        end = std::min(text.text().find_first_not_of(" \t", behind + 1), text.text().size());
    }
    return spliced(text.text(), {{.at = begin, .size = end - begin, .text = ""}});
}

void collect_sections(const Text& text, const Toml& table, std::vector<Splice>& sections) {
    if (!has_header(table)) {
        return;
    }
    if (has_own_header(table)) {
        sections.push_back(text.section(table));
    }
    for (const auto& each : table.members) {
        collect_sections(text, each.value, sections);
    }
}

Candidate remove_sections(const Text& text, const TomlMember& member) {
    std::vector<Splice> sections;
    collect_sections(text, member.value, sections);
    return sections.empty() ? std::nullopt : Candidate(spliced(text.text(), std::move(sections)));
}

// --- The proof ------------------------------------------------------------------------------------------------------

// Tables that are only named as parts of others' headers go with those.
Toml without_empty_tables(Toml value) {
    for (auto& each : value.members) {
        each.value = without_empty_tables(std::move(each.value));
    }
    std::erase_if(value.members,
                  [](const TomlMember& each) { return each.value.is_table() && each.value.members.empty(); });
    return value;
}

bool says(const Candidate& candidate, const Toml& wanted, bool removed) {
    if (!candidate) {
        return false;
    }
    const auto read = parse_toml(*candidate);
    return read && (removed ? without_empty_tables(*read) == without_empty_tables(wanted) : *read == wanted);
}

// The likeliest first.
std::vector<Candidate> ways_to_write(const Text& text, const TomlPath& path, const Toml& value) {
    const auto* const parent = text.root().find(Path(path).first(path.size() - 1));
    if (value.is_table()) {
        return {append_table(text, path, value), add_in_line(text, path, value), add_line(text, path, value),
                replace_value(text, path, value)};
    }
    const bool has_lines = parent != nullptr && parent->is_table() &&
                           (path.size() == 1 || has_own_header(*parent) || parent->form == Toml::Form::dotted);
    return {replace_value(text, path, value), has_lines ? add_line(text, path, value) : std::nullopt,
            append_table(text, path, value), add_in_line(text, path, value), add_line(text, path, value)};
}

std::vector<Candidate> ways_to_remove(const Text& text, const TomlPath& path) {
    const auto& member = *member_at(text.root(), path);
    if (text.root().find(Path(path).first(path.size() - 1))->form == Toml::Form::in_line) {
        return {remove_in_line(text, member)};
    }
    return {remove_lines(text, member), remove_sections(text, member)};
}

Result<std::string> fulfil(std::string text, const TomlWish& wish, std::string_view comment) {
    TRY_ASSIGN(const auto root, parse_toml(text));
    auto wanted = root;
    if (!wish.value) {
        wanted.remove(wish.path);
    }
    const bool possible = !wish.value || wanted.set(wish.path, *wish.value);
    if (possible && wanted == root) {
        return text;
    }
    const Text from(text, root, comment);
    auto ways = !possible    ? std::vector<Candidate>()
                : wish.value ? ways_to_write(from, wish.path, *wish.value)
                             : ways_to_remove(from, wish.path);
    for (auto& candidate : ways) {
        if (says(candidate, wanted, !wish.value)) {
            return *std::move(candidate);
        }
    }
    return fail(Code::bad_config, "its form is one that " + path_text(wish.path) +
                                      (wish.value ? " cannot be written into" : " cannot be taken out of") +
                                      " without changing the rest; do it by hand");
}

void collect_left_empty(const Text& text, const Toml& table, std::vector<Splice>& sections) {
    for (const auto& each : table.members) {
        collect_left_empty(text, each.value, sections);
        if (has_own_header(each.value) && Text::end_of_own(each.value) == 0 && text.has_our_comment(each.value)) {
            sections.push_back(text.section(each.value));
        }
    }
}

// Headers that we wrote, and that nothing stands under any more, go.
Result<std::string> tidy(std::string text, std::string_view comment) {
    TRY_ASSIGN(const auto root, parse_toml(text));
    std::vector<Splice> sections;
    collect_left_empty(Text(text, root, comment), root, sections);
    Candidate tidied = spliced(text, std::move(sections));
    return says(tidied, root, true) ? *std::move(tidied) : text;
}

} // namespace

Result<std::string> edit_toml(std::string_view text, const std::vector<TomlWish>& wishes, std::string_view comment) {
    std::string changed(text);
    for (const auto& wish : wishes) {
        TRY_ASSIGN(changed, fulfil(std::move(changed), wish, comment));
    }
    return changed == text ? changed : tidy(std::move(changed), comment);
}

bool was_added(std::string_view text, const TomlPath& path, std::string_view comment) {
    const auto root = parse_toml(text);
    const auto* const table = root ? root->find(path) : nullptr;
    return table != nullptr && has_own_header(*table) && Text(text, *root, comment).has_our_comment(*table);
}

bool is_bare(std::string_view text, std::string_view comment) {
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        if (!is_blank(line) && trimmed(line) != comment) {
            return false;
        }
    }
    return true;
}

} // namespace bulkhead::engines
