// SPDX-License-Identifier: Apache-2.0
// The options of OCI runtimes and how their command line libraries cut words into them: runc with urfave/cli (v1, which
// is Go's `flag`, up to 1.5; v3 later), crun with glibc's argp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead::shim {

// Whose rules a command line follows.
enum class Dialect { runc, crun };

enum class Takes {
    nothing,
    value,          // in the same word behind "=", else the whole next word, whatever it looks like
    optional_value, // in the same word only
};

// Who has an option. What only the other one has is read as well, where it cannot be taken for something else.
enum class Owner { both, runc, crun };

struct OptionInfo {
    std::string_view name;
    char letter = 0;
    Takes takes = Takes::nothing;
    Owner owner = Owner::both;
};

using OptionTable = std::span<const OptionInfo>;

// Those before the command, and those of a command ("create", "run", "restore", "exec", "update"; empty for others).
[[nodiscard]] OptionTable global_options();
[[nodiscard]] OptionTable options_of(std::string_view command);

struct Token {
    enum class Kind {
        option,
        unknown_option, // may take the next word as its value, unless has_value
        word,           // no option: the command, a container, an argument
        separator,      // "--"
        end,
    };
    Kind kind = Kind::end;
    const OptionInfo* option = nullptr;
    // Of an option, or the word itself.
    std::string_view value{}; // NOLINT(readability-redundant-member-init): gcc misses it where it is left out
    bool has_value = false;
    std::size_t word = 0;   // `value` stands in this word,
    std::size_t offset = 0; // from this byte on
};

// Cuts words into tokens, the way of one dialect. An option of several letters with one dash is a long one for Go
// ("-bundle DIR"), and a row of short ones for argp ("-bDIR", "-dt"); argp takes any beginning of a long name that fits
// only one.
class OptionReader {
public:
    OptionReader(std::span<char* const> words, std::size_t begin, Dialect dialect)
        : words_(words), next_(begin), dialect_(dialect) {}

    // The next token, with the options of `table` and, for what it does not have, of `outer`.
    [[nodiscard]] Token next(OptionTable table, OptionTable outer = {});

private:
    [[nodiscard]] Token long_option(std::string_view word, std::size_t dashes, OptionTable table, OptionTable outer);
    [[nodiscard]] Token letter(OptionTable table);
    [[nodiscard]] Token with_next_word(Token token);

    std::span<char* const> words_;
    std::size_t next_;
    Dialect dialect_;
    std::size_t in_row_ = 0; // in a row of short options: its next letter
};

} // namespace bulkhead::shim
