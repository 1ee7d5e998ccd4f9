// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/top_view.h"

#include <doctest/doctest.h>
#include <string_view>

using namespace bulkhead;
using cli::Key;
using cli::Sort;
using cli::View;

namespace {

constexpr std::size_t page = 10;

void press(View& view, Key key) { cli::press(view, {.key = key}, page); }
void press(View& view, std::string_view letters) {
    for (const char letter : letters) {
        cli::press(view, {.key = Key::character, .character = letter}, page);
    }
}

Sort sorted_by(std::string_view letters) {
    View view;
    view.scrolled = 5;
    press(view, letters);
    CHECK(view.scrolled == 0);
    return view.sort;
}

} // namespace

TEST_CASE("letters sort") {
    CHECK(sorted_by("m") == Sort::memory);
    CHECK(sorted_by("d") == Sort::disk);
    CHECK(sorted_by("p") == Sort::pids);
    CHECK(sorted_by("h") == Sort::shm);
    CHECK(sorted_by("i") == Sort::id);
    CHECK(sorted_by("s") == Sort::disk);
    CHECK(sorted_by("ssss") == Sort::id);
    CHECK(sorted_by("sssss") == Sort::memory);
    View view;
    press(view, "r");
    CHECK(view.reversed);
    press(view, "r");
    CHECK(!view.reversed);
}

TEST_CASE("q quits, from the help too, and is a letter of a filter") {
    View view;
    press(view, "q");
    CHECK(view.quit);
    view = {};
    press(view, "?");
    CHECK(view.help);
    press(view, "x");
    CHECK(!view.help);
    CHECK(!view.quit);
    press(view, "?q");
    CHECK(view.quit);
    view = {};
    press(view, "/q");
    CHECK(!view.quit);
    CHECK(view.filter == "q");
}

TEST_CASE("a filter is typed, ended, taken away") {
    View view;
    view.scrolled = 7;
    press(view, "/we?b");
    CHECK(view.typing);
    CHECK(!view.help);
    CHECK(view.scrolled == 0);
    press(view, Key::backspace);
    press(view, Key::down); // no letter
    CHECK(view.filter == "we?");
    press(view, Key::enter);
    CHECK(!view.typing);
    CHECK(view.filter == "we?");
    press(view, Key::escape);
    CHECK(view.filter.empty());
    press(view, "/x");
    press(view, Key::escape);
    CHECK(!view.typing);
    CHECK(view.filter.empty());
    press(view, "/");
    press(view, Key::backspace);
    press(view, std::string(1000, 'x'));
    CHECK(view.filter.size() == 64);
    press(view, Key::enter);
    press(view, "/y"); // begins anew
    CHECK(view.filter == "y");
}

TEST_CASE("lines and pages up and down") {
    View view;
    press(view, Key::up);
    CHECK(view.scrolled == 0);
    press(view, "jjj");
    press(view, Key::down);
    CHECK(view.scrolled == 4);
    press(view, "k");
    press(view, Key::up);
    CHECK(view.scrolled == 2);
    press(view, Key::page_down);
    CHECK(view.scrolled == 12);
    press(view, Key::page_up);
    press(view, Key::page_up);
    CHECK(view.scrolled == 0);
    press(view, Key::end);
    CHECK(view.scrolled > 1'000'000);
    press(view, Key::home);
    CHECK(view.scrolled == 0);
}
