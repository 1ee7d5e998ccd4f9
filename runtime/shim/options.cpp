// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/options.h"

#include <algorithm>
#include <array>

namespace bulkhead::shim {

namespace {

// runc 1.0 to 1.5 (main.go) and crun 0.17 to 1.29 (crun.c). argp adds its own: help, usage, version, and two that its
// help does not show.
constexpr std::array<OptionInfo, 16> global_table{{
    {.name = "debug"},
    {.name = "log", .takes = Takes::value},
    {.name = "log-format", .takes = Takes::value},
    {.name = "log-level", .takes = Takes::value, .owner = Owner::crun},
    {.name = "root", .takes = Takes::value},
    {.name = "criu", .takes = Takes::value, .owner = Owner::runc},
    {.name = "systemd-cgroup"},
    {.name = "cgroup-manager", .takes = Takes::value, .owner = Owner::crun},
    {.name = "rootless", .takes = Takes::value},
    {.name = "help", .letter = '?'},
    {.name = "h", .owner = Owner::runc},
    {.name = "version", .letter = 'v'},
    {.name = "V", .letter = 'V', .owner = Owner::crun},
    {.name = "usage", .owner = Owner::crun},
    {.name = "program-name", .takes = Takes::value, .owner = Owner::crun},
    {.name = "HANG", .takes = Takes::optional_value, .owner = Owner::crun},
}};

constexpr std::array<OptionInfo, 16> start_table{{
    {.name = "bundle", .letter = 'b', .takes = Takes::value},
    {.name = "config", .letter = 'f', .takes = Takes::value, .owner = Owner::crun},
    {.name = "console-socket", .takes = Takes::value},
    {.name = "pidfd-socket", .takes = Takes::value, .owner = Owner::runc},
    {.name = "pid-file", .takes = Takes::value},
    {.name = "preserve-fds", .takes = Takes::value},
    {.name = "no-pivot"},
    {.name = "no-new-keyring"},
    {.name = "no-subreaper"},
    {.name = "detach", .letter = 'd'},
    {.name = "keep"},
    {.name = "help", .letter = '?'},
    {.name = "h", .owner = Owner::runc},
    {.name = "usage", .owner = Owner::crun},
    {.name = "program-name", .takes = Takes::value, .owner = Owner::crun},
    {.name = "HANG", .takes = Takes::optional_value, .owner = Owner::crun},
}};

constexpr std::array<OptionInfo, 30> restore_table{{
    {.name = "bundle", .letter = 'b', .takes = Takes::value},
    {.name = "console-socket", .takes = Takes::value},
    {.name = "image-path", .takes = Takes::value},
    {.name = "work-path", .takes = Takes::value},
    {.name = "parent-path", .takes = Takes::value, .owner = Owner::runc},
    {.name = "page-server", .takes = Takes::value, .owner = Owner::runc},
    {.name = "status-fd", .takes = Takes::value, .owner = Owner::runc},
    {.name = "tcp-established"},
    {.name = "tcp-close", .owner = Owner::crun},
    {.name = "ext-unix-sk"},
    {.name = "shell-job"},
    {.name = "file-locks"},
    {.name = "manage-cgroups-mode", .takes = Takes::value},
    // Declared without a value in restore.c, whose code takes the next word all the same.
    {.name = "network-lock", .takes = Takes::value, .owner = Owner::crun},
    {.name = "detach", .letter = 'd'},
    {.name = "pid-file", .takes = Takes::value},
    {.name = "no-subreaper", .owner = Owner::runc},
    {.name = "no-pivot", .owner = Owner::runc},
    {.name = "empty-ns", .takes = Takes::value, .owner = Owner::runc},
    {.name = "auto-dedup", .owner = Owner::runc},
    {.name = "lazy-pages", .owner = Owner::runc},
    {.name = "lsm-profile", .takes = Takes::value},
    {.name = "lsm-mount-context", .takes = Takes::value},
    {.name = "preserve-fds", .takes = Takes::value, .owner = Owner::runc}, // podman --preserve-fds adds it
    {.name = "no-new-keyring", .owner = Owner::runc},                      // conmon --no-new-keyring adds it
    {.name = "help", .letter = '?'},
    {.name = "h", .owner = Owner::runc},
    {.name = "usage", .owner = Owner::crun},
    {.name = "program-name", .takes = Takes::value, .owner = Owner::crun},
    {.name = "HANG", .takes = Takes::optional_value, .owner = Owner::crun},
}};

constexpr std::array<OptionInfo, 21> exec_table{{
    {.name = "console-socket", .takes = Takes::value},
    {.name = "pidfd-socket", .takes = Takes::value, .owner = Owner::runc},
    {.name = "cwd", .takes = Takes::value},
    {.name = "env", .letter = 'e', .takes = Takes::value},
    {.name = "tty", .letter = 't', .takes = Takes::optional_value},
    {.name = "user", .letter = 'u', .takes = Takes::value},
    {.name = "additional-gids", .letter = 'g', .takes = Takes::value, .owner = Owner::runc},
    {.name = "process", .letter = 'p', .takes = Takes::value},
    {.name = "detach", .letter = 'd'},
    {.name = "pid-file", .takes = Takes::value},
    {.name = "process-label", .takes = Takes::value},
    {.name = "apparmor", .takes = Takes::value},
    {.name = "no-new-privs"},
    {.name = "cap", .letter = 'c', .takes = Takes::value},
    {.name = "preserve-fds", .takes = Takes::value},
    {.name = "cgroup", .takes = Takes::value},
    {.name = "ignore-paused", .owner = Owner::runc},
    {.name = "help", .letter = '?'},
    {.name = "h", .owner = Owner::runc},
    {.name = "usage", .owner = Owner::crun},
    {.name = "program-name", .takes = Takes::value, .owner = Owner::crun},
}};

constexpr std::array<OptionInfo, 23> update_table{{
    {.name = "resources", .letter = 'r', .takes = Takes::value},
    {.name = "blkio-weight", .takes = Takes::value},
    {.name = "cpu-period", .takes = Takes::value},
    {.name = "cpu-quota", .takes = Takes::value},
    {.name = "cpu-burst", .takes = Takes::value, .owner = Owner::runc},
    {.name = "cpu-share", .takes = Takes::value},
    {.name = "cpu-rt-period", .takes = Takes::value},
    {.name = "cpu-rt-runtime", .takes = Takes::value},
    {.name = "cpu-idle", .takes = Takes::value, .owner = Owner::runc},
    {.name = "cpuset-cpus", .takes = Takes::value},
    {.name = "cpuset-mems", .takes = Takes::value},
    {.name = "kernel-memory", .takes = Takes::value},
    {.name = "kernel-memory-tcp", .takes = Takes::value},
    {.name = "memory", .takes = Takes::value},
    {.name = "memory-reservation", .takes = Takes::value},
    {.name = "memory-swap", .takes = Takes::value},
    {.name = "pids-limit", .takes = Takes::value},
    {.name = "l3-cache-schema", .takes = Takes::value},
    {.name = "mem-bw-schema", .takes = Takes::value},
    {.name = "help", .letter = '?'},
    {.name = "h", .owner = Owner::runc},
    {.name = "usage", .owner = Owner::crun},
    {.name = "program-name", .takes = Takes::value, .owner = Owner::crun},
}};

// Whether crun and argp have it, so that a beginning of its name may mean it.
bool argp_has(const OptionInfo& option) { return option.owner != Owner::runc; }

const OptionInfo* named(OptionTable table, std::string_view name) {
    const auto found = std::ranges::find(table, name, &OptionInfo::name);
    return found == table.end() ? nullptr : std::to_address(found);
}

const OptionInfo* lettered(OptionTable table, char letter) {
    const auto found = std::ranges::find(table, letter, &OptionInfo::letter);
    return found == table.end() ? nullptr : std::to_address(found);
}

// The one of argp's options whose name begins like this.
const OptionInfo* begun(OptionTable table, std::string_view beginning) {
    const OptionInfo* only = nullptr;
    for (const auto& option : table) {
        if (argp_has(option) && option.name.starts_with(beginning)) {
            if (only != nullptr) {
                return nullptr;
            }
            only = &option;
        }
    }
    return only;
}

const OptionInfo* find(OptionTable table, std::string_view name, Dialect dialect) {
    if (const auto* const exact = named(table, name)) {
        return exact;
    }
    if (dialect == Dialect::crun) {
        return begun(table, name);
    }
    return name.size() == 1 ? lettered(table, name.front()) : nullptr;
}

} // namespace

OptionTable global_options() { return global_table; }

OptionTable options_of(std::string_view command) {
    if (command == "create" || command == "run") {
        return start_table;
    }
    if (command == "restore") {
        return restore_table;
    }
    if (command == "exec") {
        return exec_table;
    }
    return command == "update" ? OptionTable(update_table) : OptionTable{};
}

Token OptionReader::next(OptionTable table, OptionTable outer) {
    if (in_row_ != 0) {
        return letter(table);
    }
    if (next_ >= words_.size()) {
        return {};
    }
    const std::string_view word = words_[next_];
    if (word == "--") {
        return {.kind = Token::Kind::separator, .word = next_++};
    }
    if (word.size() < 2 || word.front() != '-') {
        return {.kind = Token::Kind::word, .value = word, .word = next_++};
    }
    if (dialect_ == Dialect::crun && word[1] != '-') {
        in_row_ = 1;
        return letter(table);
    }
    return long_option(word, word[1] == '-' ? 2 : 1, table, outer);
}

Token OptionReader::long_option(std::string_view word, std::size_t dashes, OptionTable table, OptionTable outer) {
    const auto equals = word.find('=');
    const bool has_value = equals != std::string_view::npos;
    const auto name = word.substr(dashes, has_value ? equals - dashes : equals);
    const auto* option = find(table, name, dialect_);
    if (option == nullptr) {
        option = named(outer, name);
    }
    const Token token{.kind = option == nullptr ? Token::Kind::unknown_option : Token::Kind::option,
                      .option = option,
                      .value = has_value ? word.substr(equals + 1) : std::string_view{},
                      .has_value = has_value,
                      .word = next_++,
                      .offset = has_value ? equals + 1 : 0};
    return with_next_word(token);
}

// One of a row: what follows a letter that takes a value is that value.
Token OptionReader::letter(OptionTable table) {
    const std::string_view word = words_[next_];
    Token token{.option = lettered(table, word[in_row_]), .word = next_, .offset = ++in_row_};
    token.kind = token.option == nullptr ? Token::Kind::unknown_option : Token::Kind::option;
    const bool takes = token.option == nullptr || token.option->takes != Takes::nothing;
    if (in_row_ < word.size() && takes) {
        token.value = word.substr(in_row_);
        token.has_value = true;
    }
    if (in_row_ == word.size() || takes) {
        in_row_ = 0;
        ++next_;
    }
    return with_next_word(token);
}

Token OptionReader::with_next_word(Token token) {
    if (token.option == nullptr || token.option->takes != Takes::value || token.has_value || next_ >= words_.size()) {
        return token;
    }
    token.value = words_[next_];
    token.has_value = true;
    token.word = next_++;
    token.offset = 0;
    return token;
}

} // namespace bulkhead::shim
