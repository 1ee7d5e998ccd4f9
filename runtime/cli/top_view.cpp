// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/top_view.h"

#include "runtime/base/line.h"
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

namespace bulkhead::cli {

namespace {

using inventory::Container;
using inventory::Inventory;
using inventory::Segment;

constexpr std::size_t id_width = 13; // with the mark of an escapable one
constexpr std::size_t name_width = 24;
constexpr std::size_t least_bar = 15;
constexpr std::size_t widest_bar = 30;

std::string cut(std::string text, std::size_t width) {
    if (text.size() > width) {
        text.resize(width);
        if (width != 0) {
            text.back() = '~';
        }
    }
    return text;
}

std::string padded(std::string text, std::size_t width) {
    text = cut(std::move(text), width);
    text.append(width - text.size(), ' ');
    return text;
}

// --- Bars ---------------------------------------------------------------------------------------------------------

struct Measure {
    std::string text;            // "12Mi/64Mi"
    double used = -1;            // to sort by; below 0: nothing is known
    std::optional<double> share; // of the limit
    Look look = Look::fine;
};

Look look_of(Tone tone) {
    switch (tone) {
    case Tone::warning:
        return Look::warning;
    case Tone::bad:
        return Look::bad;
    default:
        return Look::fine;
    }
}

template <typename Unit>
Measure measure(Unit used, const std::optional<Unit>& limit) {
    Measure measured{.text = use_of(used, limit), .used = static_cast<double>(used.value), .share = {}};
    if (limit) {
        measured.share = measured.used / static_cast<double>(std::max<std::uint64_t>(limit->value, 1));
        measured.look = look_of(tone_of(used.value, limit->value));
    }
    return measured;
}

// "[|||||  12Mi/64Mi]": the text lies over the bar, which shows through by its colour.
void add_bar(ScreenLine& line, const Measure& measured, std::size_t width) {
    const auto inner = width - 2;
    std::string field(inner, ' ');
    const auto share = std::clamp(measured.share.value_or(0), 0.0, 1.0);
    auto filled = static_cast<std::size_t>(std::lround(share * static_cast<double>(inner)));
    if (share > 0 && filled == 0) {
        filled = 1;
    }
    std::fill_n(field.begin(), filled, '|');
    const auto text = cut(" " + measured.text, inner);
    std::ranges::copy(text, field.end() - static_cast<std::ptrdiff_t>(text.size()));
    line.push_back({.text = "[", .look = Look::dim});
    line.push_back({.text = field.substr(0, filled), .look = measured.look});
    line.push_back({.text = field.substr(filled), .look = Look::plain});
    line.push_back({.text = "]", .look = Look::dim});
}

// --- Columns ------------------------------------------------------------------------------------------------------

Measure shm_of(const Container& container) {
    if (!container.shm) {
        return {};
    }
    return container.shm->hosts ? Measure{.text = "host", .share = {}}
                                : measure(container.shm->used, container.shm->limit);
}
Measure disk_of(const Container& container) {
    return container.disk ? measure(container.disk->used, container.disk->limit) : Measure{};
}
Measure inodes_of(const Container& container) {
    return container.disk ? measure(container.disk->used_inodes, container.disk->inodes_limit) : Measure{};
}
Measure memory_of(const Container& container) {
    if (container.memory) {
        return measure(container.memory->working_set, container.memory->limit);
    }
    const bool runs = container.status == inventory::Status::running;
    return {.text = runs ? "" : word_for(container.status), .share = {}};
}
Measure pids_of(const Container& container) {
    return container.pids ? measure(container.pids->used, container.pids->limit) : Measure{};
}

struct Column {
    const char* title;
    Measure (*of)(const Container&);
    std::size_t rank; // the highest is the first to be left out where there is no room
};
constexpr std::array<Column, 5> columns{{
    {"SHM", shm_of, 2},
    {"DISK", disk_of, 1},
    {"INODES", inodes_of, 4},
    {"MEMORY", memory_of, 0},
    {"PIDS", pids_of, 3},
}};

struct Layout {
    std::size_t name = 0; // width of the column with Kubernetes' names; 0: there is none
    std::size_t bars = 0; // how many
    std::size_t bar = 0;  // width of one
};

Layout lay_out(const Inventory& inventory, std::size_t width) {
    Layout layout;
    const bool names = std::ranges::any_of(
        inventory.containers, [](const Container& container) { return !name_of(container.identity).empty(); });
    auto room = width - std::min(width, id_width);
    if (names && room >= name_width + 1 + (3 * (least_bar + 1))) {
        layout.name = name_width;
        room -= name_width + 1;
    }
    layout.bars = std::clamp<std::size_t>(room / (least_bar + 1), 1, columns.size());
    layout.bar =
        std::clamp<std::size_t>((room / layout.bars) - std::min<std::size_t>(room / layout.bars, 1), 3, widest_bar);
    return layout;
}

ScreenLine header_of(const Layout& layout, std::size_t width) {
    auto text = padded("CONTAINER", id_width);
    if (layout.name != 0) {
        text.append(" ").append(padded("NAME", layout.name));
    }
    for (const auto& column : columns) {
        if (column.rank < layout.bars) {
            text.append(" ").append(padded(column.title, layout.bar));
        }
    }
    return {{.text = padded(text, width), .look = Look::header}};
}

ScreenLine row_of(const Container& container, const Layout& layout) {
    const bool escapable = container.guard == inventory::Guard::escapable;
    const bool runs = container.status == inventory::Status::running;
    ScreenLine line{
        {.text = padded(printable(short_id(container.id)), id_width - 1), .look = runs ? Look::plain : Look::dim},
        {.text = escapable ? "!" : " ", .look = Look::bad}};
    if (layout.name != 0) {
        line.push_back({.text = " " + padded(printable(name_of(container.identity)), layout.name)});
    }
    for (const auto& column : columns) {
        if (column.rank < layout.bars) {
            line.push_back({.text = " "});
            add_bar(line, column.of(container), layout.bar);
        }
    }
    return line;
}

// --- Which, and in which order ------------------------------------------------------------------------------------

bool matches(const std::string& filter, std::initializer_list<std::string> texts) {
    return filter.empty() || std::ranges::any_of(texts, [&](const std::string& text) { return text.contains(filter); });
}

double weight(const Container& container, Sort sort) {
    switch (sort) {
    case Sort::memory:
        return memory_of(container).used;
    case Sort::disk:
        return disk_of(container).used;
    case Sort::pids:
        return pids_of(container).used;
    case Sort::shm:
        return shm_of(container).used;
    case Sort::id:
        break;
    }
    return 0;
}

// The largest first; by id from a to z.
std::vector<const Container*> chosen(const Inventory& inventory, const View& view) {
    std::vector<const Container*> containers;
    for (const auto& container : inventory.containers) {
        if (matches(view.filter, {container.id, container.identity.engine, name_of(container.identity)})) {
            containers.push_back(&container);
        }
    }
    std::ranges::stable_sort(containers, [&](const Container* a, const Container* b) {
        if (view.sort != Sort::id) {
            return weight(*a, view.sort) > weight(*b, view.sort);
        }
        return a->id < b->id;
    });
    if (view.reversed) {
        std::ranges::reverse(containers);
    }
    return containers;
}

// --- Segments -----------------------------------------------------------------------------------------------------

// A segment's longest place is longer: with a namespace of 63 letters.
std::size_t segment_width(std::size_t width) {
    constexpr std::size_t least = 16;
    constexpr std::size_t most = 44;
    constexpr std::size_t for_members = 18;
    return std::clamp(width - std::min(width, widest_bar + for_members), least, most);
}

ScreenLine segment_header(std::size_t width) {
    return {
        {.text = padded(padded("SEGMENT", segment_width(width)) + " " + padded("USED", widest_bar) + " MEMBERS", width),
         .look = Look::header}};
}

std::string members_of(const Segment& segment) {
    std::string text = std::to_string(segment.members.size());
    for (const auto& member : segment.members) {
        text.append(" ").append(member.container.empty() ? "?" : short_id(member.container));
    }
    return printable(text) + (segment.kept ? " (kept)" : "");
}

ScreenLine row_of(const Segment& segment, std::size_t width) {
    ScreenLine line{{.text = padded(printable(segment.place.path()), segment_width(width)) + " "}};
    add_bar(line, segment.mounted ? measure(segment.used, segment.size) : Measure{.text = "not mounted", .share = {}},
            widest_bar);
    const auto used = segment_width(width) + 1 + widest_bar + 1;
    line.push_back({.text = " " + cut(members_of(segment), width - std::min(width, used))});
    return line;
}

void add_segments(std::vector<ScreenLine>& body, const Inventory& inventory, const View& view, std::size_t width) {
    bool first = true;
    for (const auto& segment : inventory.segments) {
        if (!matches(view.filter, {segment.place.path()})) {
            continue;
        }
        if (std::exchange(first, false)) {
            body.emplace_back();
            body.push_back(segment_header(width));
        }
        body.push_back(row_of(segment, width));
    }
}

// --- All of it ----------------------------------------------------------------------------------------------------

const char* word_for(Sort sort) {
    switch (sort) {
    case Sort::memory:
        return "memory";
    case Sort::disk:
        return "disk";
    case Sort::pids:
        return "pids";
    case Sort::shm:
        return "shm";
    case Sort::id:
        return "id";
    }
    return "";
}

std::string counted(std::size_t number, const std::string& what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
}

ScreenLine title_of(const Inventory& inventory, const View& view, const std::string& clock) {
    std::string text = fmt::format(" - {}, {}, {}; by {}{}", clock, counted(inventory.containers.size(), "container"),
                                   counted(inventory.segments.size(), "segment"), word_for(view.sort),
                                   view.reversed ? ", reversed" : "");
    if (!view.filter.empty()) {
        text.append(", with \"" + view.filter + "\"");
    }
    return {{.text = "bulkhead top", .look = Look::title}, {.text = std::move(text)}};
}

std::vector<ScreenLine> help() {
    constexpr std::array lines{
        "",
        "m d p h  sort by memory, disk, pids, shm: the largest first",
        "i        sort by id",
        "s        sort by the next of these",
        "r        reverse the order",
        "/        show only what has a text in its id, engine, name or segment",
        "         (Enter ends the text, Escape takes it away)",
        "j k      down and up, as the arrows; Page Down and Page Up, Home and End",
        "?        this text; any key leaves it",
        "q        quit",
        "",
        "A bar is what is used of the limit; without a limit (\"/-\") there is none.",
        "MEMORY is the working set: what is charged to the container, without the",
        "file pages that were not used for long.",
        "! behind an id: the disk limit can be taken off from inside; inspect says how.",
    };
    std::vector<ScreenLine> body;
    for (const auto* const line : lines) {
        body.push_back({{.text = line}});
    }
    return body;
}

std::vector<ScreenLine> body_of(const Inventory& inventory, const View& view, const Layout& layout, std::size_t width) {
    std::vector<ScreenLine> body;
    const auto containers = chosen(inventory, view);
    for (const auto* const container : containers) {
        body.push_back(row_of(*container, layout));
    }
    if (containers.empty()) {
        body.push_back(
            {{.text = view.filter.empty() ? "no container has a receipt" : "none matches", .look = Look::dim}});
    }
    add_segments(body, inventory, view, width);
    return body;
}

ScreenLine foot_of(const Inventory& inventory, const View& view) {
    if (view.typing) {
        return {{.text = "/" + view.filter + "_", .look = Look::title}};
    }
    ScreenLine line{{.text = "q quit  ? help  / filter  m d p h i sort  r reverse", .look = Look::dim}};
    if (!inventory.problems.empty()) {
        line.push_back(
            {.text = "  " + counted(inventory.problems.size(), "problem") + ": see list", .look = Look::bad});
    }
    return line;
}

ScreenLine within(const ScreenLine& line, std::size_t width) {
    ScreenLine fitting;
    for (const auto& span : line) {
        const auto part = span.text.substr(0, width);
        width -= part.size();
        fitting.push_back({.text = part, .look = span.look});
    }
    return fitting;
}

} // namespace

Screen compose(const Inventory& inventory, const View& view, ScreenSize size, const std::string& clock) {
    constexpr std::size_t around = 3; // title, header, foot
    const bool live = size.height != 0;
    const auto layout = lay_out(inventory, size.width);
    const auto body = view.help ? help() : body_of(inventory, view, layout, size.width);
    Screen screen;
    screen.page = live ? size.height - std::min(size.height, around) : body.size();
    screen.most_scrolled = view.help ? 0 : body.size() - std::min(body.size(), screen.page);
    screen.lines = {title_of(inventory, view, clock), header_of(layout, size.width)};
    const auto begin = std::min(view.scrolled, screen.most_scrolled);
    for (auto i = begin; i < std::min(body.size(), begin + screen.page); ++i) {
        screen.lines.push_back(body[i]);
    }
    if (live) {
        screen.lines.resize(std::max(size.height, around) - 1);
        screen.lines.push_back(foot_of(inventory, view));
        screen.lines.resize(size.height);
    }
    for (auto& line : screen.lines) {
        line = within(line, size.width);
    }
    return screen;
}

std::string text_of(const ScreenLine& line) {
    std::string text;
    for (const auto& span : line) {
        text.append(span.text);
    }
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

} // namespace bulkhead::cli
