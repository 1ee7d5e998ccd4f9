// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/terminal.h"

#include "runtime/cli/command.h"
#include "runtime/cli/terminal_kind.h"
#include "runtime/cli/tone.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#define NCURSES_NOMACROS 1 // functions, as its macros are casts of another time
#include <curses.h>

namespace bulkhead::cli {

namespace {

constexpr std::array<int, 3> ends{SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t told_to_end = 0;
termios settings_before{};

void note_end(int /*signal*/) {
    constexpr unsigned seconds_to_draw = 2;
    told_to_end = 1;
    static_cast<void>(::alarm(seconds_to_draw));
}

// The other end reads nothing, and ncurses goes on with a write that a signal interrupted.
void give_up(int /*signal*/) {
    static_cast<void>(::tcsetattr(STDIN_FILENO, TCSANOW, &settings_before));
    ::_exit(something_wrong);
}

// Names of ours for pairs of colours.
enum Pair : short { fine_pair = 1, warning_pair, bad_pair };

attr_t attributes_of(Look look, bool colours) {
    const auto colour = [colours](short pair) { return colours ? static_cast<attr_t>(COLOR_PAIR(pair)) : A_BOLD; };
    switch (look) {
    case Look::plain:
        return A_NORMAL;
    case Look::title:
        return A_BOLD;
    case Look::header:
        return A_REVERSE;
    case Look::dim:
        return A_DIM;
    case Look::fine:
        return colour(fine_pair);
    case Look::warning:
        return colour(warning_pair);
    case Look::bad:
        return colour(bad_pair) | A_BOLD;
    }
    return A_NORMAL;
}

std::optional<KeyPress> meaning_of(int code) {
    switch (code) {
    case KEY_UP:
        return KeyPress{.key = Key::up};
    case KEY_DOWN:
        return KeyPress{.key = Key::down};
    case KEY_PPAGE:
        return KeyPress{.key = Key::page_up};
    case KEY_NPAGE:
        return KeyPress{.key = Key::page_down};
    case KEY_HOME:
        return KeyPress{.key = Key::home};
    case KEY_END:
        return KeyPress{.key = Key::end};
    case KEY_ENTER:
    case '\n':
    case '\r':
        return KeyPress{.key = Key::enter};
    case KEY_BACKSPACE:
    case '\b':
    case 0x7f:
        return KeyPress{.key = Key::backspace};
    case 0x1b:
        return KeyPress{.key = Key::escape};
    default:
        return code >= ' ' && code <= '~'
                   ? std::optional(KeyPress{.key = Key::character, .character = static_cast<char>(code)})
                   : std::nullopt;
    }
}

// One that was stopped (^S), or whose other end reads nothing, does not: then a write waits for good, and ncurses goes
// on with it whatever signal comes.
bool takes_output() {
    pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
    return ::poll(&output, 1, 0) > 0;
}

} // namespace

struct Terminal::State {
    State() {
        told_to_end = 0;
        struct sigaction note{};
        note.sa_handler = note_end;
        ::sigemptyset(&note.sa_mask);
        sigset_t blocked;
        ::sigemptyset(&blocked);
        for (std::size_t i = 0; i < ends.size(); ++i) { // before ncurses, which has handlers of its own where none is
            ::sigaction(ends.at(i), &note, &before.at(i));
            ::sigaddset(&blocked, ends.at(i));
        }
        static_cast<void>(::tcgetattr(STDIN_FILENO, &settings_before));
        static_cast<void>(::signal(SIGALRM, give_up));
        ::sigprocmask(SIG_BLOCK, &blocked, &mask); // but for wait(): none is lost between a look and the next wait
        for (const int signal : ends) {
            ::sigdelset(&mask, signal);
        }
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        ::sigprocmask(SIG_SETMASK, &mask, nullptr);
        if (screen != nullptr) {
            // Who stopped it could not see the end. The kernel undoes by the one what was done by the other, not ^S.
            ::tcflow(STDOUT_FILENO, TCOOFF);
            ::tcflow(STDOUT_FILENO, TCOON);
            ::endwin();
            ::delscreen(screen);
        }
        static_cast<void>(::alarm(0));
        static_cast<void>(::signal(SIGALRM, SIG_DFL));
        for (std::size_t i = 0; i < ends.size(); ++i) {
            ::sigaction(ends.at(i), &before.at(i), nullptr);
        }
    }

    // With the signals that wait() lets in.
    void refresh() const {
        sigset_t blocked;
        ::sigprocmask(SIG_SETMASK, &mask, &blocked);
        ::wrefresh(stdscr);
        ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    }

    std::array<struct sigaction, ends.size()> before{};
    sigset_t mask{}; // for waiting
    SCREEN* screen = nullptr;
    bool colours = false;
};

Terminal::Terminal(std::unique_ptr<State> state) : state_(std::move(state)) {}
Terminal::~Terminal() = default;

std::unique_ptr<Terminal> Terminal::open() {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1 || !can_be_drawn_on()) {
        return nullptr;
    }
    auto state = std::make_unique<State>();
    state->screen = ::newterm(nullptr, stdout, stdin);
    if (state->screen == nullptr) {
        return nullptr;
    }
    constexpr int escape_delay = 25; // ms until an escape is one, and no arrow's beginning
    ::set_escdelay(escape_delay);
    ::cbreak();
    ::noecho();
    ::keypad(stdscr, true);
    ::nodelay(stdscr, true);
    ::curs_set(0);
    state->colours = wants_colours() && ::has_colors() && ::start_color() == OK;
    if (state->colours) {
        ::use_default_colors();
        ::init_pair(fine_pair, COLOR_GREEN, -1);
        ::init_pair(warning_pair, COLOR_YELLOW, -1);
        ::init_pair(bad_pair, COLOR_RED, -1);
    }
    return std::unique_ptr<Terminal>(new Terminal(std::move(state)));
}

ScreenSize Terminal::size() const {
    return {.width = static_cast<std::size_t>(std::max(::getmaxx(stdscr), 1)),
            .height = static_cast<std::size_t>(std::max(::getmaxy(stdscr), 1))};
}

void Terminal::draw(const Screen& screen) {
    if (!takes_output()) {
        return; // the next one shows it
    }
    ::werase(stdscr);
    for (std::size_t i = 0; i < screen.lines.size(); ++i) {
        ::wmove(stdscr, static_cast<int>(i), 0);
        for (const auto& span : screen.lines[i]) {
            ::wattrset(stdscr, static_cast<int>(attributes_of(span.look, state_->colours)));
            ::waddnstr(stdscr, span.text.c_str(), static_cast<int>(span.text.size()));
        }
    }
    ::wattrset(stdscr, A_NORMAL);
    state_->refresh();
}

Terminal::Event Terminal::wait(std::chrono::milliseconds most) {
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
    const timespec limit{.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(most - seconds).count()};
    const int ready = told_to_end != 0 ? 0 : ::ppoll(&input, 1, &limit, &state_->mask);
    // A terminal that is gone can be read for ever, and then no signal interrupts this.
    const bool gone = ready > 0 && (input.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
    if (told_to_end != 0 || gone) {
        return Event::end;
    }
    return ready == 0 ? Event::time : Event::input; // a change of the size interrupts it
}

std::optional<KeyPress> Terminal::next_key() {
    const int code = ::wgetch(stdscr);
    more_ = code != ERR;
    return meaning_of(code);
}

} // namespace bulkhead::cli
