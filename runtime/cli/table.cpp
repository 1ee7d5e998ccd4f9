// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/table.h"

#include "runtime/base/line.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>

namespace bulkhead::cli {

namespace {

constexpr std::size_t gap = 2;

std::string shown(const Cell& cell) { return cell.text.empty() ? "-" : printable(cell.text); }

std::string line_of(const std::vector<Cell>& row, const std::vector<std::size_t>& widths, bool colours) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
        const auto text = shown(row[i]);
        line.append(painted(text, row[i].tone, colours));
        if (i + 1 < row.size()) {
            line.append(widths[i] - text.size() + gap, ' ');
        }
    }
    return line;
}

} // namespace

std::vector<std::string> Table::lines(bool colours) const {
    std::vector<Cell> header;
    std::vector<std::size_t> widths;
    for (const auto& title : header_) {
        header.push_back({.text = title});
        widths.push_back(title.size());
    }
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], shown(row[i]).size());
        }
    }
    std::vector<std::string> lines{line_of(header, widths, false)};
    for (const auto& row : rows_) {
        lines.push_back(line_of(row, widths, colours));
    }
    return lines;
}

void Table::print() const {
    for (const auto& line : lines(wants_colours())) {
        fmt::print("{}\n", line);
    }
}

std::string rounded(Bytes bytes) {
    constexpr std::array<std::string_view, 7> units{"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    constexpr double most = 999.5; // what four digits would be needed for
    constexpr double whole = 9.95; // from here on, no digit behind the point
    auto value = static_cast<double>(bytes.value);
    std::size_t unit = 0;
    for (; value >= most; ++unit) {
        value /= 1024;
    }
    const bool exact = (bytes.value & ((1ULL << (10 * unit)) - 1)) == 0;
    return fmt::format("{:.{}f}{}", value, exact || value >= whole ? 0 : 1, units.at(unit));
}

std::string use_of(Bytes used, const std::optional<Bytes>& limit) {
    return rounded(used) + "/" + (limit ? rounded(*limit) : "-");
}

std::string use_of(Count used, const std::optional<Count>& limit) {
    return fmt::format("{}/{}", used.value, limit ? std::to_string(limit->value) : "-");
}

Tone tone_of(std::uint64_t used, const std::optional<std::uint64_t>& limit) {
    constexpr double warning = 0.8;
    constexpr double bad = 0.95;
    if (!limit) {
        return Tone::plain;
    }
    const auto share = static_cast<double>(used) / static_cast<double>(std::max<std::uint64_t>(*limit, 1));
    if (share >= bad) {
        return Tone::bad;
    }
    return share >= warning ? Tone::warning : Tone::plain;
}

} // namespace bulkhead::cli
