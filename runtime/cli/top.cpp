// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/command.h"
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/node.h"
#include "runtime/cli/output.h"
#include "runtime/cli/terminal.h"
#include "runtime/cli/top_view.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fmt/chrono.h>
#include <memory>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

using inventory::Inventory;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string clock_now() { return fmt::format("{:%H:%M:%S}", fmt::localtime(std::time(nullptr))); }

// Without a terminal.
int print_once(const Options& options) {
    constexpr std::size_t width = 120;
    const auto inventory = look_at_node(options);
    if (!inventory) {
        return fail_command("top", inventory.error());
    }
    if (options.output == "json") {
        print_json(json_of(*inventory));
        return done;
    }
    for (const auto& line : compose(*inventory, {}, {.width = width, .height = 0}, clock_now()).lines) {
        print_line(text_of(line));
    }
    print_problems(*inventory, "top");
    return done;
}

class Top {
public:
    Top(const Options& options, Terminal& terminal, milliseconds delay)
        : options_(options), terminal_(terminal), delay_(delay) {}

    Result<void> run() {
        auto next = steady_clock::now();
        while (!view_.quit) {
            if (steady_clock::now() >= next) {
                TRY_ASSIGN(inventory_, look_at_node(options_));
                clock_ = clock_now();
                next = steady_clock::now() + delay_;
            }
            draw();
            const auto left = std::chrono::ceil<milliseconds>(next - steady_clock::now());
            switch (terminal_.wait(std::max(left, milliseconds(0)))) {
            case Terminal::Event::end:
                return {};
            case Terminal::Event::input:
                read_keys();
                break;
            case Terminal::Event::time:
                break;
            }
        }
        return {};
    }

private:
    void draw() {
        const auto screen = compose(inventory_, view_, terminal_.size(), clock_);
        view_.scrolled = std::min(view_.scrolled, screen.most_scrolled);
        page_ = screen.page;
        terminal_.draw(screen);
    }

    void read_keys() {
        do {
            if (const auto key = terminal_.next_key()) {
                press(view_, *key, page_);
            }
        } while (terminal_.more() && !view_.quit);
    }

    const Options& options_;
    Terminal& terminal_;
    milliseconds delay_;
    Inventory inventory_;
    View view_;
    std::string clock_;
    std::size_t page_ = 0;
};

int run(const Options& options, double seconds) {
    if (const auto entered = enter_node(); !entered) {
        return fail_command("top", entered.error());
    }
    auto terminal = options.output == "json" ? nullptr : Terminal::open();
    if (!terminal) {
        return print_once(options);
    }
    const std::chrono::duration<double> delay(seconds);
    const auto ended = Top(options, *terminal, std::chrono::duration_cast<milliseconds>(delay)).run();
    terminal.reset(); // before anything is printed
    return ended ? done : fail_command("top", ended.error());
}

// Nothing where it is one; a NaN is in no range.
std::string as_delay(const std::string& text) {
    constexpr double shortest = 0.1;
    constexpr double longest = 3600;
    double seconds = 0;
    const bool good = CLI::detail::lexical_cast(text, seconds) && seconds >= shortest && seconds <= longest;
    return good ? "" : fmt::format("needs a number of seconds from {} to {}", shortest, longest);
}

} // namespace

void add_top(CLI::App& app, const Options& options, int& status) {
    constexpr double usual_delay = 2;
    auto* command = app.add_subcommand("top", "Show what containers hold, again and again; once without a terminal");
    const auto delay = std::make_shared<double>(usual_delay);
    command->add_option("-d,--delay", *delay, "Seconds between two looks")
        ->type_name("SECONDS")
        ->check(as_delay)
        ->capture_default_str();
    command->callback([&options, &status, delay] { status = run(options, *delay); });
}

} // namespace bulkhead::cli
