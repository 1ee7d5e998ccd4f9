// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/line.h"

#include <algorithm>

namespace bulkhead {

std::string printable(std::string_view text) {
    std::string line(text);
    std::ranges::replace_if(line, [](char byte) { return byte < ' ' || byte > '~'; }, '?');
    return line;
}

std::string printable_line(std::string_view text) {
    constexpr std::string_view ellipsis = "...";
    const bool cut = text.size() > longest_line;
    auto line = printable(text.substr(0, cut ? longest_line - ellipsis.size() : longest_line));
    return cut ? line.append(ellipsis) : line;
}

std::string report_line(std::string_view container, std::string_view text) {
    std::string line = "bulkhead: ";
    if (!container.empty()) {
        line.append(container.substr(0, 64)).append(": ");
    }
    return printable_line(line.append(text));
}

} // namespace bulkhead
