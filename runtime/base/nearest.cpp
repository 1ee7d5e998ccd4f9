// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/nearest.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

namespace bulkhead {

namespace {

constexpr std::size_t longest_word = 64; // nobody mistypes more; hostile words are no work

// Levenshtein's distance, for short words.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) {
        row[j] = j;
    }
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

} // namespace

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
    word = word.substr(0, longest_word);
    std::string_view best;
    auto fewest = std::numeric_limits<std::size_t>::max();
    for (const auto candidate : known) {
        const auto changes = distance(word, candidate);
        if (changes < fewest && changes <= candidate.size() / 2) {
            fewest = changes;
            best = candidate;
        }
    }
    return best;
}

} // namespace bulkhead
