// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/unified_diff.h"

#include <algorithm>
#include <cstddef>
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

// E. W. Myers, "An O(ND) difference algorithm and its variations" (1986): the fewest lines that go or come. furthest[k]
// is how far in `before` a path with so many of them gets on diagonal k = x - y.
class Comparison {
public:
    Comparison(const Lines& before, const Lines& after) : before_(before), after_(after) {}

    [[nodiscard]] std::vector<Change> changes() {
        constexpr std::ptrdiff_t most = 1000; // each round is kept
        const auto limit = std::min(width() + height(), most);
        furthest_.assign(2 * static_cast<std::size_t>(limit) + 3, 0);
        for (std::ptrdiff_t count = 0; count <= limit; ++count) {
            rounds_.push_back(furthest_);
            if (advance(count, limit)) {
                return walk_back(count, limit);
            }
        }
        return {{.at = 0, .gone = before_.size(), .new_at = 0, .added = after_.size()}};
    }

private:
    [[nodiscard]] std::ptrdiff_t width() const { return static_cast<std::ptrdiff_t>(before_.size()); }
    [[nodiscard]] std::ptrdiff_t height() const { return static_cast<std::ptrdiff_t>(after_.size()); }
    static std::size_t slot(std::ptrdiff_t diagonal, std::ptrdiff_t limit) {
        return static_cast<std::size_t>(diagonal + limit + 1);
    }
    // Whether the path comes to `diagonal` by a line of `after`.
    static bool comes_down(const std::vector<std::ptrdiff_t>& furthest, std::ptrdiff_t diagonal, std::ptrdiff_t count,
                           std::ptrdiff_t limit) {
        return diagonal == -count ||
               (diagonal != count && furthest[slot(diagonal - 1, limit)] < furthest[slot(diagonal + 1, limit)]);
    }

    // One line more that goes or comes. True: the end is reached.
    bool advance(std::ptrdiff_t count, std::ptrdiff_t limit) {
        for (std::ptrdiff_t diagonal = -count; diagonal <= count; diagonal += 2) {
            auto x = comes_down(furthest_, diagonal, count, limit) ? furthest_[slot(diagonal + 1, limit)]
                                                                   : furthest_[slot(diagonal - 1, limit)] + 1;
            while (x < width() && x - diagonal < height() &&
                   before_[static_cast<std::size_t>(x)] == after_[static_cast<std::size_t>(x - diagonal)]) {
                ++x;
            }
            furthest_[slot(diagonal, limit)] = x;
            if (x >= width() && x - diagonal >= height()) {
                return true;
            }
        }
        return false;
    }

    [[nodiscard]] std::vector<Change> walk_back(std::ptrdiff_t count, std::ptrdiff_t limit) const {
        std::vector<Change> changes;
        auto x = width();
        auto y = height();
        for (; count > 0; --count) {
            const auto& furthest = rounds_[static_cast<std::size_t>(count)];
            const bool down = comes_down(furthest, x - y, count, limit);
            const auto diagonal = x - y + (down ? 1 : -1);
            x = furthest[slot(diagonal, limit)];
            y = x - diagonal;
            changes.push_back({.at = static_cast<std::size_t>(x),
                               .gone = down ? 0UL : 1UL,
                               .new_at = static_cast<std::size_t>(y),
                               .added = down ? 1UL : 0UL});
        }
        std::ranges::reverse(changes);
        return changes;
    }

    const Lines& before_;
    const Lines& after_;
    std::vector<std::ptrdiff_t> furthest_;
    std::vector<std::vector<std::ptrdiff_t>> rounds_;
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
