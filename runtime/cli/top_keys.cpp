// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/top_view.h"

namespace bulkhead::cli {

namespace {

constexpr std::size_t longest_filter = 64;

// While a filter is being typed, letters are its text.
void type(View& view, KeyPress key) {
    switch (key.key) {
    case Key::character:
        if (view.filter.size() < longest_filter && key.character >= ' ' && key.character <= '~') {
            view.filter.push_back(key.character);
        }
        break;
    case Key::backspace:
        if (!view.filter.empty()) {
            view.filter.pop_back();
        }
        break;
    case Key::escape:
        view.filter.clear();
        view.typing = false;
        break;
    case Key::enter:
        view.typing = false;
        break;
    default:
        break;
    }
    view.scrolled = 0;
}

void sort_by(View& view, Sort sort) {
    view.sort = sort;
    view.scrolled = 0;
}

Sort next_of(Sort sort) { return sort == Sort::id ? Sort::memory : static_cast<Sort>(static_cast<int>(sort) + 1); }

void command(View& view, char letter) {
    switch (letter) {
    case 'q':
        view.quit = true;
        break;
    case '?':
        view.help = true;
        break;
    case '/':
        view.typing = true;
        view.filter.clear();
        break;
    case 'r':
        view.reversed = !view.reversed;
        break;
    case 'm':
        return sort_by(view, Sort::memory);
    case 'd':
        return sort_by(view, Sort::disk);
    case 'p':
        return sort_by(view, Sort::pids);
    case 'h':
        return sort_by(view, Sort::shm);
    case 's':
        return sort_by(view, next_of(view.sort));
    case 'i':
        return sort_by(view, Sort::id);
    default:
        break;
    }
}

void scroll(View& view, KeyPress key, std::size_t page) {
    const auto up = [&](std::size_t lines) { view.scrolled -= lines < view.scrolled ? lines : view.scrolled; };
    switch (key.key) {
    case Key::up:
        return up(1);
    case Key::page_up:
        return up(page);
    case Key::home:
        view.scrolled = 0;
        return;
    case Key::down:
        view.scrolled += 1;
        return;
    case Key::page_down:
        view.scrolled += page;
        return;
    case Key::end: // as far as there is something
        view.scrolled = SIZE_MAX / 2;
        return;
    default:
        return;
    }
}

} // namespace

void press(View& view, KeyPress key, std::size_t page) {
    const bool letter = key.key == Key::character;
    if (view.typing) {
        type(view, key);
    } else if (view.help) {
        view.help = false;
        view.quit = letter && key.character == 'q';
    } else if (key.key == Key::escape) {
        view.filter.clear();
    } else if (letter && (key.character == 'j' || key.character == 'k')) {
        scroll(view, {.key = key.character == 'j' ? Key::down : Key::up}, page);
    } else if (letter) {
        command(view, key.character);
    } else {
        scroll(view, key, page);
    }
}

} // namespace bulkhead::cli
