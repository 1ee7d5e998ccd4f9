// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/top_view.h"

#include "cli/inventory_model.h"
#include "support/golden.h"

#include <algorithm>
#include <doctest/doctest.h>

using namespace bulkhead;
using cli::Look;
using cli::ScreenSize;
using cli::Sort;
using cli::View;

namespace {

cli::Screen screen(const View& view, ScreenSize size, const inventory::Inventory& inventory = test::node()) {
    return cli::compose(inventory, view, size, "12:00:00");
}

std::string text(const View& view, ScreenSize size, const inventory::Inventory& inventory = test::node()) {
    std::string text;
    for (const auto& line : screen(view, size, inventory).lines) {
        text.append(cli::text_of(line)).append("\n");
    }
    return text;
}

// The first word of each row with a bar, but for the segments.
std::string order(const View& view) {
    std::string ids;
    for (const auto& line : screen(view, {.width = 120, .height = 0}).lines) {
        const auto row = cli::text_of(line);
        if (row.starts_with("SEGMENT")) {
            break;
        }
        if (row.contains('[') && row.contains(']')) {
            ids.append(row.substr(0, 4)).append(" ");
        }
    }
    return ids;
}

} // namespace

TEST_CASE("top, as it is printed once") { test::expect_golden("top.txt", text({}, {.width = 120, .height = 0})); }

TEST_CASE("top on screens of all sizes") {
    test::expect_golden("top-80x24.txt", text({}, {.width = 80, .height = 24}));
    test::expect_golden("top-160x14.txt", text({.sort = Sort::id}, {.width = 160, .height = 14}));
    for (std::size_t width : {1U, 2U, 13U, 14U, 20U, 30U, 50U, 79U, 81U, 100U, 119U, 200U, 400U}) {
        for (std::size_t height : {1U, 2U, 3U, 4U, 10U, 100U}) {
            for (const bool help : {false, true}) {
                CAPTURE(width);
                CAPTURE(height);
                const auto shown = screen({.help = help}, {.width = width, .height = height});
                CHECK(shown.lines.size() == height);
                for (const auto& line : shown.lines) {
                    std::size_t length = 0;
                    for (const auto& span : line) {
                        length += span.text.size();
                        CHECK(std::ranges::all_of(span.text, [](char c) { return c >= ' ' && c <= '~'; }));
                    }
                    CHECK(length <= width);
                }
            }
        }
    }
}

TEST_CASE("help") { test::expect_golden("top-help.txt", text({.help = true}, {.width = 80, .height = 24})); }

TEST_CASE("nothing to show") {
    CHECK(text({}, {.width = 60, .height = 0}, {}) == "bulkhead top - 12:00:00, 0 containers, 0 segments; by memory\n"
                                                      "CONTAINER     DISK                   MEMORY\n"
                                                      "no container has a receipt\n");
    CHECK(text({.filter = "nobody"}, {.width = 120, .height = 0}).ends_with("\nnone matches\n"));
}

TEST_CASE("the largest first, what is not known last, and the other way round") {
    CHECK(order({.sort = Sort::memory}) == "4f1c db   comi evil ");
    CHECK(order({.sort = Sort::memory, .reversed = true}) == "evil comi db   4f1c ");
    CHECK(order({.sort = Sort::disk}) == "4f1c evil comi db   ");
    CHECK(order({.sort = Sort::pids}) == "db   4f1c comi evil ");
    CHECK(order({.sort = Sort::shm}) == "4f1c comi db   evil "); // the host's is not a container's
    CHECK(order({.sort = Sort::id}) == "4f1c comi db   evil ");
    CHECK(order({.sort = Sort::id, .reversed = true}) == "evil db   comi 4f1c ");
}

TEST_CASE("a filter is for ids, engines, names and segments") {
    CHECK(order({.filter = "front"}) == "4f1c ");
    CHECK(order({.filter = "podman"}) == "db   ");
    CHECK(order({.filter = "9b2a4f1c0e"}) == "4f1c "); // of the whole id
    const auto of_segment = text({.filter = "spare"}, {.width = 120, .height = 0});
    CHECK(of_segment.contains("none matches"));
    CHECK(of_segment.contains("node/spare"));
    CHECK(!of_segment.contains("k8s/shop/feed"));
    CHECK(of_segment.contains("with \"spare\""));
}

TEST_CASE("the body is scrolled, as far as it goes") {
    const auto at = [](std::size_t scrolled) {
        const auto shown = screen({.sort = Sort::id, .scrolled = scrolled}, {.width = 120, .height = 6});
        CHECK(shown.page == 3);
        CHECK(shown.most_scrolled == 6); // of 4 containers, an empty line, a header and 3 segments
        return cli::text_of(shown.lines[2]).substr(0, 4);
    };
    CHECK(at(0) == "4f1c");
    CHECK(at(1) == "comi");
    CHECK(at(6) == "k8s/");
    CHECK(at(1000) == "k8s/");
}

TEST_CASE("bars") {
    inventory::Inventory one;
    one.containers = {test::web()};
    auto& container = one.containers[0];
    container.identity = {};
    const auto bar = [&](std::uint64_t used, std::optional<std::uint64_t> limit) {
        container.shm = {.used = Bytes{used}, .limit = limit ? std::optional(Bytes{*limit}) : std::nullopt};
        const auto line = screen({}, {.width = 120, .height = 0}, one).lines.at(2);
        const auto row = cli::text_of(line);
        const auto filled = std::ranges::find(line, "[", &cli::Span::text) + 1;
        return row.substr(14, row.find(']') - 13) + (filled->look == Look::bad       ? " bad"
                                                     : filled->look == Look::warning ? " warning"
                                                                                     : "");
    };
    CHECK(bar(0, 100) == "[             0/100]");
    CHECK(bar(1, 1000) == "[|          1/1.0Ki]"); // something is something
    CHECK(bar(50, 100) == "[|||||||||   50/100]");
    CHECK(bar(80, 100) == "[||||||||||| 80/100] warning");
    CHECK(bar(100, 100) == "[|||||||||| 100/100] bad");
    CHECK(bar(300, 100) == "[|||||||||| 300/100] bad");
    CHECK(bar(300, {}) == "[             300/-]");
}
