// SPDX-License-Identifier: Apache-2.0
// TOML (toml.io, 1.0) as the engines' configs are read: the library's tree turned into one of ours, which knows where
// in the text each thing stands, so that it can be edited there.
#pragma once

#include "runtime/base/error.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// Bytes of a text, from `begin` up to `end`.
struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
};

using TomlPath = std::vector<std::string>;

struct TomlMember;

struct Toml {
    enum class Kind { table, array, string, boolean, integer, other };
    // How a table is written: under a header, "{ ... }", or as what its dotted keys ("a.b = 1") make of it.
    enum class Form { header, in_line, dotted };

    Kind kind = Kind::table;
    std::string text;                // of a string; of Kind::other (floats, dates) as TOML writes it
    std::int64_t integer = 0;        // of an integer
    bool boolean = false;            // of a boolean
    std::vector<Toml> elements;      // of an array
    std::vector<TomlMember> members; // of a table

    // Where it was read from. The place of a table with a header is the first header that names it, be it as a part of
    // a longer name; that of a dotted one is where its name stands.
    Form form = Form::header;
    Place place;

    [[nodiscard]] static Toml of(std::string_view text);
    [[nodiscard]] static Toml of_boolean(bool value);
    [[nodiscard]] static Toml of(const std::vector<std::string>& strings);
    [[nodiscard]] static Toml table();

    [[nodiscard]] bool is_table() const { return kind == Kind::table; }
    [[nodiscard]] const Toml* member(std::string_view key) const; // nullptr where there is none
    [[nodiscard]] Toml* member(std::string_view key);
    // What is at the end of `path`, through tables; nullptr where there is nothing.
    [[nodiscard]] const Toml* find(std::span<const std::string> path) const;
    // The string at `path`; empty where there is none, or something else.
    [[nodiscard]] std::string string_at(const TomlPath& path) const;
    // The strings of the array at `path`.
    [[nodiscard]] std::vector<std::string> strings_at(const TomlPath& path) const;

    // Puts `value` at `path`, with tables on the way. False: something on the way is no table.
    bool set(std::span<const std::string> path, Toml value);
    void remove(std::span<const std::string> path);

    // What it says, wherever it stands, however it is written, in whatever order.
    bool operator==(const Toml& other) const;
};

struct TomlMember {
    std::string key;
    Toml value;
    Place place; // of the key, its last part where it is dotted

    bool operator==(const TomlMember& other) const { return key == other.key && value == other.value; }
};

inline Toml Toml::table() { return {}; } // not in there, where its members' type is not complete

// Code::bad_config with the line and what is wrong there; more than require_modest_toml() lets through is wrong, too.
[[nodiscard]] Result<Toml> parse_toml(std::string_view text);

// A value as TOML writes it, on one line; a key in quotes where it needs them; a path of keys with dots.
[[nodiscard]] std::string to_text(const Toml& value);
[[nodiscard]] std::string key_text(std::string_view key);
[[nodiscard]] std::string path_text(std::span<const std::string> path);

// How a later config of an engine's goes over an earlier one. Tables are merged.
struct MergeRules {
    bool append_arrays = false; // else they are replaced
    TomlPath whole;             // the tables in this table are replaced as a whole
};
void merge(Toml& base, const Toml& over, const MergeRules& rules);

} // namespace bulkhead::engines
