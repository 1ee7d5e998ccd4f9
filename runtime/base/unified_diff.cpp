// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/unified_diff.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bulkhead {

namespace {

using Lines = std::vector<std::string_view>; // with their ends

Lines lines_of(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end == std::string_view::npos ? end : end + 1));
        text.remove_prefix(lines.back().size());
    }
    return lines;
}

// Lines of `before` from `at` on that go, and those of `after` that come in their place.
struct Change {
    std::size_t at = 0;
    std::size_t gone = 0;
    std::size_t new_at = 0;
    std::size_t added = 0;
};

// By the longest common subsequence of the lines between the beginnings and the ends that are the same. The table for
// it has a place for each pair of lines: configs have hundreds, of which a few change.
class Comparison {
public:
    Comparison(const Lines& before, const Lines& after) : before_(before), after_(after) {
        const auto [gone, added] = std::ranges::mismatch(before, after);
        begin_ = static_cast<std::size_t>(gone - before.begin());
        for (; begin_ + ends_ < std::min(before.size(), after.size()); ++ends_) {
            if (before[before.size() - 1 - ends_] != after[after.size() - 1 - ends_]) {
                break;
            }
        }
        width_ = after.size() - ends_ - begin_ + 1;
    }

    [[nodiscard]] std::vector<Change> changes() {
        constexpr std::size_t most_places = 4'000'000;
        const auto gone = before_.size() - ends_ - begin_;
        if ((gone + 1) * width_ > most_places) {
            return {{.at = begin_, .gone = gone, .new_at = begin_, .added = width_ - 1}};
        }
        longest_.assign((gone + 1) * width_, 0);
        for (auto x = begin_ + gone; x-- > begin_;) {
            for (auto y = begin_ + width_ - 1; y-- > begin_;) {
                longest(x, y) = before_[x] == after_[y] ? longest(x + 1, y + 1) + 1
                                                        : std::max(longest(x + 1, y), longest(x, y + 1));
            }
        }
        return walk(begin_ + gone, begin_ + width_ - 1);
    }

private:
    // How many lines the rests from these on have in common.
    std::uint32_t& longest(std::size_t x, std::size_t y) { return longest_[(x - begin_) * width_ + (y - begin_)]; }

    [[nodiscard]] std::vector<Change> walk(std::size_t end, std::size_t new_end) {
        std::vector<Change> changes;
        for (auto x = begin_, y = begin_; x < end || y < new_end;) {
            if (x < end && y < new_end && before_[x] == after_[y]) {
                ++x;
                ++y;
            } else if (y == new_end || (x < end && longest(x + 1, y) >= longest(x, y + 1))) {
                changes.push_back({.at = x++, .gone = 1, .new_at = y, .added = 0});
            } else {
                changes.push_back({.at = x, .gone = 0, .new_at = y++, .added = 1});
            }
        }
        return changes;
    }

    const Lines& before_;
    const Lines& after_;
    std::size_t begin_ = 0; // lines that both begin with
    std::size_t ends_ = 0;  // and end with
    std::size_t width_ = 0; // of the table, which has a place behind the last line, too
    std::vector<std::uint32_t> longest_;
};

constexpr std::size_t context = 3;

// Changes whose surroundings touch, as one piece of the diff.
std::vector<std::vector<Change>> hunks_of(const std::vector<Change>& changes) {
    std::vector<std::vector<Change>> hunks;
    for (const auto& change : changes) {
        const bool near =
            !hunks.empty() && change.at - hunks.back().back().at - hunks.back().back().gone <= 2 * context;
        if (!near) {
            hunks.emplace_back();
        }
        hunks.back().push_back(change);
    }
    return hunks;
}

void add_line(std::string& diff, char mark, std::string_view line) {
    diff += mark;
    diff.append(line);
    if (!line.ends_with('\n')) {
        diff.append("\n\\ No newline at end of file\n");
    }
}

std::string range(std::size_t at, std::size_t count) {
    // Of no lines it is the line before them.
    const auto first = std::to_string(count == 0 ? at : at + 1);
    return count == 1 ? first : first + "," + std::to_string(count);
}

void add_hunk(std::string& diff, const Lines& before, const Lines& after, const std::vector<Change>& hunk) {
    const auto& first = hunk.front();
    const auto& last = hunk.back();
    const auto lead = std::min(first.at, context);
    const auto end = std::min(last.at + last.gone + context, before.size());
    const auto tail = end - (last.at + last.gone);
    diff.append("@@ -").append(range(first.at - lead, end - (first.at - lead)));
    diff.append(" +").append(range(first.new_at - lead, last.new_at + last.added + tail - (first.new_at - lead)));
    diff.append(" @@\n");
    auto at = first.at - lead;
    for (const auto& change : hunk) {
        for (; at < change.at; ++at) {
            add_line(diff, ' ', before[at]);
        }
        for (; at < change.at + change.gone; ++at) {
            add_line(diff, '-', before[at]);
        }
        for (std::size_t each = 0; each < change.added; ++each) {
            add_line(diff, '+', after[change.new_at + each]);
        }
    }
    for (; at < end; ++at) {
        add_line(diff, ' ', before[at]);
    }
}

} // namespace

std::string unified_diff(std::string_view name, const std::optional<std::string>& before,
                         const std::optional<std::string>& after) {
    if (before == after) {
        return "";
    }
    const auto old_lines = lines_of(before ? std::string_view(*before) : "");
    const auto new_lines = lines_of(after ? std::string_view(*after) : "");
    std::string diff = "--- ";
    diff.append(before ? name : "/dev/null").append("\n+++ ").append(after ? name : "/dev/null").append("\n");
    for (const auto& hunk : hunks_of(Comparison(old_lines, new_lines).changes())) {
        add_hunk(diff, old_lines, new_lines, hunk);
    }
    return diff;
}

} // namespace bulkhead
