// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/command_line.h"

#include "runtime/sys/file.h"

#include <algorithm>
#include <array>
#include <utility>

namespace bulkhead::shim {

namespace {

struct CommandName {
    std::string_view name;
    Command command;
};

// All commands of runc and crun: where a word may be an option's value or the command, one of these is the command.
constexpr std::array<CommandName, 20> commands{
    {{"create", Command::create}, {"run", Command::run},       {"restore", Command::restore},
     {"exec", Command::exec},     {"update", Command::update}, {"checkpoint", Command::other},
     {"delete", Command::other},  {"events", Command::other},  {"features", Command::other},
     {"kill", Command::other},    {"list", Command::other},    {"mounts", Command::other},
     {"pause", Command::other},   {"ps", Command::other},      {"resume", Command::other},
     {"spec", Command::other},    {"start", Command::other},   {"state", Command::other},
     {"help", Command::other},    {"h", Command::other}}};

const CommandName* find_command(std::string_view word) {
    const auto* const found = std::ranges::find(commands, word, &CommandName::name);
    return found == commands.end() ? nullptr : found;
}

bool starts_container(Command command) {
    return command == Command::create || command == Command::run || command == Command::restore;
}

// strconv.ParseBool, which reads the value of "--flag=VALUE"; what it refuses ends runc.
bool is_false(std::string_view value) {
    constexpr std::array<std::string_view, 6> words{"0", "f", "F", "false", "False", "FALSE"};
    return std::ranges::find(words, value) != words.end();
}

class Parser {
public:
    Parser(std::span<char* const> words, Dialect dialect) : words_(words), dialect_(dialect) {}

    Invocation parse() {
        const auto command_at = find_command_word();
        if (!help_ && command_at) {
            read_command(*command_at);
        }
        if (invocation_.id.empty() || (help_ && invocation_.command != Command::exec)) {
            invocation_.command = Command::other;
        }
        return std::move(invocation_);
    }

private:
    // Where the command stands: behind the options. What follows an unknown one without "=" may be its value; then the
    // command is the first word in question that starts a container, else the first that is any command.
    std::optional<std::size_t> find_command_word() {
        OptionReader reader(words_, 1, dialect_);
        std::optional<std::size_t> candidate;
        for (auto token = reader.next(global_options()); token.kind != Token::Kind::end;
             token = reader.next(global_options())) {
            const bool is_word = token.kind == Token::Kind::word;
            const bool in_question = is_word || (open_ && token.offset == 0);
            const auto* const command = in_question ? find_command(token.value) : nullptr;
            if (command != nullptr && starts_container(command->command)) {
                return token.word;
            }
            if (is_word && !open_) {
                return candidate ? candidate : token.word;
            }
            if (is_word && command != nullptr && !candidate) {
                candidate = token.word;
            }
            take_option(token);
        }
        return candidate;
    }

    // Options may stand behind the container as well (runc), but for exec's, where the container's own words follow.
    void read_command(std::size_t at) {
        const auto* const command = find_command(words_[at]);
        if (command == nullptr || command->command == Command::other) {
            return;
        }
        invocation_.command = command->command;
        unknown_option_ = {};
        const auto table = options_of(command->name);
        const auto outer = dialect_ == Dialect::runc ? global_options() : OptionTable{};
        OptionReader reader(words_, at + 1, dialect_);
        for (auto token = reader.next(table, outer); token.kind != Token::Kind::end;
             token = reader.next(table, outer)) {
            if (token.kind == Token::Kind::separator) {
                take_rest(token.word + 1);
                invocation_.id = invocation_.id.empty() ? unknown_option_ : invocation_.id;
                return;
            }
            take_option(token);
            if (token.kind != Token::Kind::word) {
                continue;
            }
            take_word(token.value);
            if (invocation_.command == Command::exec) {
                return;
            }
        }
    }

    // The container is the first word. Where one before it may be an option's value, it is the last: engines write it
    // there.
    void take_word(std::string_view word) {
        if (invocation_.id.empty() || !invocation_.certain) {
            invocation_.id = word;
        }
    }

    void take_rest(std::size_t begin) {
        for (; begin < words_.size(); ++begin) {
            take_word(words_[begin]);
            if (invocation_.command == Command::exec) {
                return;
            }
        }
    }

    void take_option(const Token& token) {
        const bool was_open = open_;
        open_ = token.kind == Token::Kind::unknown_option && !token.has_value;
        if (open_) {
            invocation_.certain = false;
            unknown_option_ = words_[token.word];
        }
        if (token.kind != Token::Kind::option) {
            return;
        }
        if (token.option->takes != Takes::nothing) {
            take_value(token.option->name, token);
        } else if (!was_open) { // else it may be a value
            take_switch(token.option->name, !token.has_value || !is_false(token.value));
        }
    }

    // The last one counts.
    void take_switch(std::string_view name, bool on) {
        if (name == "help" || name == "h" || name == "version" || name == "V" || name == "usage") {
            help_ = on;
        }
    }

    void take_value(std::string_view name, const Token& token) {
        if (!token.has_value) {
            // Where the command line ends, urfave/cli v1 takes the command's first word for the value.
            invocation_.certain = invocation_.certain && token.option->takes != Takes::value;
            return;
        }
        using Member = std::pair<std::string_view, std::string Invocation::*>;
        static constexpr std::array<Member, 4> members{{{"bundle", &Invocation::bundle},
                                                        {"config", &Invocation::config},
                                                        {"log", &Invocation::log},
                                                        {"log-format", &Invocation::log_format}}};
        const auto* const member = std::ranges::find(members, name, &Member::first);
        const OptionPlace place{.option = name, .word = token.word, .offset = token.offset};
        if (member != members.end()) {
            invocation_.*(member->second) = token.value;
        } else if (name == "resources") {
            invocation_.resources = place;
        } else if (name == "memory" || name == "memory-swap" || name == "pids-limit") {
            invocation_.limits.push_back(place);
        }
    }

    std::span<char* const> words_;
    Dialect dialect_;
    Invocation invocation_;
    // urfave/cli 1.22.14 and later takes what is no option of its own for a word where "--" follows: "run --x --" runs
    // the container "--x".
    std::string unknown_option_;
    bool help_ = false; // nothing but words for a person is asked for
    bool open_ = false; // what comes next may be the value of an option that we do not know
};

} // namespace

Dialect dialect_of(std::string_view program) {
    const auto name = program.substr(program.rfind('/') + 1); // npos + 1 is 0
    return name.starts_with("crun") || name == "krun" ? Dialect::crun : Dialect::runc;
}

Invocation parse_command_line(std::span<char* const> arguments, Dialect dialect) {
    return Parser(arguments, dialect).parse();
}

Result<std::string> bundle_directory(const Invocation& invocation, Dialect dialect) {
    auto path = invocation.bundle;
    if (dialect == Dialect::crun && path.starts_with('/')) {
        while (path.size() > 1 && path.ends_with('/')) {
            path.pop_back();
        }
        return path;
    }
    TRY_ASSIGN(
        const auto directory,
        in_context("bundle", sys::open_at(sys::working_directory, path.empty() ? "." : path, O_PATH | O_DIRECTORY)));
    return sys::path_of(directory.borrow());
}

} // namespace bulkhead::shim
