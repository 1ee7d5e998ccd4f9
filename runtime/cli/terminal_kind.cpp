// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/terminal_kind.h"

#include <cstdlib>
#include <unistd.h>

// Alone in a file: term.h takes words like "lines" for itself.
#include <curses.h>
#include <term.h>

namespace bulkhead::cli {

bool can_be_drawn_on() {
    const char* const name = std::getenv("TERM"); // NOLINT(concurrency-mt-unsafe): there is one thread
    int known = 0;
    if (name == nullptr || *name == '\0' || ::setupterm(nullptr, STDOUT_FILENO, &known) != OK) {
        return false;
    }
    char capability[] = "cup"; // NOLINT(modernize-avoid-c-arrays): it takes what it could write to
    const char* const move = ::tigetstr(capability);
    constexpr auto no_string = -1L; // what it says of one that is no string at all
    const bool can = move != nullptr && reinterpret_cast<long>(move) != no_string;
    ::del_curterm(::set_curterm(nullptr)); // ncurses makes one of its own
    return can;
}

} // namespace bulkhead::cli
