// SPDX-License-Identifier: Apache-2.0
// What top shows and which keys change it. Pure: nothing here knows a terminal.
#pragma once

#include "runtime/inventory/inventory.h"

#include <cstddef>
#include <string>
#include <vector>

namespace bulkhead::cli {

enum class Sort { memory, disk, pids, shm, id };

// How it is looked at.
struct View {
    Sort sort = Sort::memory;
    bool reversed = false;
    // NOLINTNEXTLINE(readability-redundant-member-init): without, gcc misses it where it is left out
    std::string filter = {}; // of ids, engines, names and segments; empty: all
    bool typing = false;     // the filter, at this moment
    bool help = false;
    bool quit = false;
    std::size_t scrolled = 0; // lines of the body that are above the screen
};

enum class Key { character, up, down, page_up, page_down, home, end, enter, escape, backspace };

struct KeyPress {
    Key key = Key::character;
    char character = '\0';
};

// `page`: lines of the body that fit.
void press(View& view, KeyPress key, std::size_t page);

enum class Look { plain, title, header, dim, fine, warning, bad };

struct Span {
    std::string text; // printable ASCII
    Look look = Look::plain;
};
using ScreenLine = std::vector<Span>;

struct Screen {
    std::vector<ScreenLine> lines; // from the top, at most as many as fit, none wider than that
    std::size_t page = 0;          // lines of the body that fit
    std::size_t most_scrolled = 0;
};

struct ScreenSize {
    std::size_t width = 0;
    std::size_t height = 0; // 0: as high as needed, and without what is only for a live one
};

// `clock` is shown as it is.
[[nodiscard]] Screen compose(const inventory::Inventory& inventory, const View& view, ScreenSize size,
                             const std::string& clock);

// A line without its looks.
[[nodiscard]] std::string text_of(const ScreenLine& line);

} // namespace bulkhead::cli
