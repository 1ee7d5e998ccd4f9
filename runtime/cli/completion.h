// SPDX-License-Identifier: Apache-2.0
// What a shell may offer at the end of a command line of ours. The shells' scripts (packaging/completions) only ask for
// it, so that they know every command there is.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::cli {

struct Completion {
    enum class Kind { words, files, directories } kind = Kind::words;
    struct Word {
        std::string text; // the whole word that the cursor is on, "--output=json" too
        std::string description;
    };
    std::vector<Word> words;
};

// `words` are those behind the program's name up to the cursor; the last one is begun, or empty. `values_of` knows
// values by the name of their type ("ID").
using Values = std::function<std::vector<std::string>(std::string_view type)>;
[[nodiscard]] Completion complete(const CLI::App& app, std::span<const std::string> words, const Values& values_of);

// Those of this node, as far as the caller may know them: of "ID" the containers that have a receipt, of "SEGMENT" the
// segments, in the state directory that `words` name, if they do.
[[nodiscard]] std::vector<std::string> values_on_node(std::string_view type, std::span<const std::string> words,
                                                      const std::string& default_state_dir);

// "words", "files" or "directories", then a line for each word: the word, a tab, its description.
[[nodiscard]] std::string to_text(const Completion& completion);

} // namespace bulkhead::cli
