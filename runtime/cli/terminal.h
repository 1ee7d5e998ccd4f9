// SPDX-License-Identifier: Apache-2.0
// The terminal while something is shown on the whole of it, by ncurses: it knows what terminals can do, which keys they
// send, and how to give them back as they were.
#pragma once

#include "runtime/cli/top_view.h"

#include <chrono>
#include <memory>
#include <optional>

namespace bulkhead::cli {

class Terminal {
public:
    // nullptr where standard input and output are not both a terminal that can be drawn on. While it lives SIGINT,
    // SIGTERM and SIGHUP end no program: wait() tells. One at a time.
    [[nodiscard]] static std::unique_ptr<Terminal> open();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    // The terminal as it was before.
    ~Terminal();

    [[nodiscard]] ScreenSize size() const;
    // Unless the terminal takes no output at the moment.
    void draw(const Screen& screen);

    enum class Event { time, input, end };
    // Until something is typed or its size changes, at most for `most`. Event::end: a signal said so, or the terminal
    // is gone.
    [[nodiscard]] Event wait(std::chrono::milliseconds most);
    // What was typed; nullopt: nothing more, or no key that we know.
    [[nodiscard]] std::optional<KeyPress> next_key();
    // More than next_key() gave may be there.
    [[nodiscard]] bool more() const { return more_; }

private:
    struct State;
    explicit Terminal(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
    bool more_ = false;
};

} // namespace bulkhead::cli
