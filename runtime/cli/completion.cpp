// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/completion.h"

#include "runtime/base/line.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"

#include <algorithm>
#include <optional>

namespace bulkhead::cli {

namespace {

using Kind = Completion::Kind;
using Words = std::span<const std::string>;

bool is_option(std::string_view word) { return word.starts_with('-') && word != "-" && word != "--"; }

// Commands fall through to their parents' options.
const CLI::Option* find_option(const CLI::App& command, const std::string& name) {
    for (const auto* app = &command; app != nullptr; app = app->get_parent()) {
        if (const auto* option = app->get_option_no_throw(name)) {
            return option;
        }
    }
    return nullptr;
}

const CLI::App* find_command(const CLI::App& command, const std::string& name) {
    const auto found = command.get_subcommands([&](const CLI::App* app) { return app->check_name(name); });
    return found.empty() ? nullptr : found.front();
}

bool takes_value(const CLI::Option& option) { return option.get_expected_max() > 0 && option.get_type_size() > 0; }

// What the words before the cursor lead to.
struct Place {
    const CLI::App* command = nullptr;
    const CLI::Option* awaiting = nullptr; // its value is next
    std::size_t positionals = 0;           // that are there already
};

Place walk(const CLI::App& app, Words before) {
    Place place{.command = &app};
    for (const auto& word : before) {
        if (place.awaiting != nullptr) {
            place.awaiting = nullptr;
        } else if (is_option(word)) {
            const auto* option = word.contains('=') ? nullptr : find_option(*place.command, word);
            place.awaiting = option != nullptr && takes_value(*option) ? option : nullptr;
        } else if (const auto* next = find_command(*place.command, word)) {
            place.command = next;
            place.positionals = 0;
        } else {
            ++place.positionals;
        }
    }
    return place;
}

// CLI11 tells what a value may be in the name of its type: "TEXT:{table,json}".
std::vector<std::string> members_of(std::string_view type) {
    std::vector<std::string> members;
    const auto open = type.find('{');
    const auto close = type.find('}', open == std::string_view::npos ? type.size() : open);
    if (close == std::string_view::npos) {
        return members;
    }
    auto list = type.substr(open + 1, close - open - 1);
    while (!list.empty()) {
        const auto comma = std::min(list.find(','), list.size());
        members.emplace_back(list.substr(0, comma));
        list.remove_prefix(std::min(comma + 1, list.size()));
    }
    return members;
}

Completion values_for(const CLI::Option& option, const std::string& prefix, const Values& values_of) {
    const auto type = option.get_type_name();
    if (type.starts_with("FILE")) {
        return {.kind = Kind::files, .words = {}};
    }
    if (type.starts_with("DIR")) {
        return {.kind = Kind::directories, .words = {}};
    }
    Completion completion;
    const auto members = members_of(type);
    for (const auto& value : members.empty() ? values_of(type) : members) {
        completion.words.push_back({.text = prefix + value, .description = ""});
    }
    return completion;
}

void add_option(Completion& completion, const CLI::Option& option) {
    if (option.get_group().empty()) {
        return; // hidden
    }
    const auto add = [&](const std::string& name) {
        completion.words.push_back({.text = name, .description = option.get_description()});
    };
    for (const auto& name : option.get_lnames()) {
        add("--" + name);
    }
    for (const auto& name : option.get_snames()) {
        add("-" + name);
    }
}

// A group of options is to CLI11 a command without a name.
bool is_group(const CLI::App* app) { return app->get_name().empty(); }

void add_options(Completion& completion, const CLI::App& app, bool with_help) {
    for (const auto* option : app.get_options()) {
        if (option->nonpositional() && (with_help || option != app.get_help_ptr())) {
            add_option(completion, *option);
        }
    }
    for (const auto* group : app.get_subcommands(is_group)) {
        add_options(completion, *group, false);
    }
}

Completion options_of(const CLI::App& command) {
    Completion completion;
    for (const auto* app = &command; app != nullptr; app = app->get_parent()) {
        add_options(completion, *app, app == &command);
    }
    return completion;
}

Completion commands_of(const CLI::App& command) {
    Completion completion;
    for (const auto* next : command.get_subcommands([](const CLI::App* app) { return !is_group(app); })) {
        completion.words.push_back({.text = next->get_name(), .description = next->get_description()});
    }
    return completion;
}

const CLI::Option* positional_of(const CLI::App& app, std::size_t& left) {
    for (const auto* option : app.get_options()) {
        if (option->get_positional() && (left-- == 0 || option->get_expected_max() > 1)) {
            return option;
        }
    }
    for (const auto* group : app.get_subcommands(is_group)) {
        if (const auto* option = positional_of(*group, left)) {
            return option;
        }
    }
    return nullptr;
}

const CLI::Option* positional_at(const Place& place) {
    auto left = place.positionals;
    return positional_of(*place.command, left);
}

Completion find(const Place& place, const std::string& last, const Values& values_of) {
    if (place.awaiting != nullptr) {
        return values_for(*place.awaiting, "", values_of);
    }
    const auto equals = last.find('=');
    if (is_option(last) && equals != std::string::npos) {
        const auto* option = find_option(*place.command, last.substr(0, equals));
        return option == nullptr ? Completion{} : values_for(*option, last.substr(0, equals + 1), values_of);
    }
    if (last.starts_with('-')) {
        return options_of(*place.command);
    }
    auto commands = commands_of(*place.command);
    if (!commands.words.empty()) {
        return place.positionals == 0 ? commands : Completion{}; // else there is a word that is no command
    }
    const auto* positional = positional_at(place);
    return positional == nullptr ? Completion{} : values_for(*positional, "", values_of);
}

} // namespace

Completion complete(const CLI::App& app, Words words, const Values& values_of) {
    const std::string last = words.empty() ? "" : words.back();
    const auto place = walk(app, words.empty() ? words : words.first(words.size() - 1));
    auto completion = find(place, last, values_of);
    std::erase_if(completion.words, [&](const Completion::Word& word) { return !word.text.starts_with(last); });
    return completion;
}

namespace {

std::vector<std::string> ids_in(const std::string& state_dir) {
    const auto store = ledger::Store::open(state_dir);
    return store && *store ? (*store)->ids().value_or(std::vector<std::string>{}) : std::vector<std::string>{};
}

std::vector<std::string> segments_in(const std::string& state_dir) {
    std::vector<std::string> paths;
    for (const auto& place : ledger::SegmentRecords(state_dir).places().value_or(std::vector<policy::SegmentPlace>{})) {
        paths.push_back(place.path());
    }
    return paths;
}

// As the command will have it: the last one counts.
std::string state_dir_among(Words words, std::string state_dir) {
    constexpr std::string_view name = "--state-dir";
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == name && i + 1 < words.size()) {
            state_dir = words[i + 1];
        } else if (words[i].starts_with(name) && words[i].substr(name.size()).starts_with('=')) {
            state_dir = words[i].substr(name.size() + 1);
        }
    }
    return state_dir;
}

} // namespace

std::vector<std::string> values_on_node(std::string_view type, Words words, const std::string& default_state_dir) {
    if (type == "ID") {
        return ids_in(state_dir_among(words, default_state_dir));
    }
    return type == "SEGMENT" ? segments_in(state_dir_among(words, default_state_dir)) : std::vector<std::string>{};
}

std::string to_text(const Completion& completion) {
    if (completion.kind != Kind::words) {
        return completion.kind == Kind::files ? "files\n" : "directories\n";
    }
    std::string text = "words\n";
    for (const auto& [word, description] : completion.words) {
        text += printable(word) + "\t" + printable(description) + "\n";
    }
    return text;
}

} // namespace bulkhead::cli
