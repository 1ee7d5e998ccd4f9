// SPDX-License-Identifier: Apache-2.0
// Changes in a TOML text that leave every other byte of it as it is: comments, order, white space, line ends. What
// comes out is read again, and must say what was asked for and, but for that, what the text said before.
#pragma once

#include "runtime/base/error.h"
#include "runtime/engines/toml.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::engines {

// What is to be at `path`; nullopt: nothing.
struct TomlWish {
    TomlPath path;
    std::optional<Toml> value;
};

// `text` with all wishes come true, one after the other; itself where they are. A table that is not there yet goes to
// the end of the text, under headers of its own and a line of `comment` ("# ..."), which goes with it. Code::bad_config
// where `text` is no TOML, or has a form that it cannot be written into.
[[nodiscard]] Result<std::string> edit_toml(std::string_view text, const std::vector<TomlWish>& wishes,
                                            std::string_view comment);

// Whether the table at `path` is under a header with `comment` above it, as edit_toml() writes one.
[[nodiscard]] bool was_added(std::string_view text, const TomlPath& path, std::string_view comment);

// Whether nothing is in a text but white space, and lines that are `comment`.
[[nodiscard]] bool is_bare(std::string_view text, std::string_view comment);

} // namespace bulkhead::engines
