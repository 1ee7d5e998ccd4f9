// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/counters.h"

#include "runtime/ledger/private_directory.h"
#include "runtime/sys/file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <iterator>

namespace bulkhead::ledger {

namespace {

constexpr auto file_name = "counters";

// Places in the file. Place 0 is free, and those of refusals are for sysexits' 64 to 79.
constexpr std::size_t place_of_starts = 1;
constexpr std::size_t first_place_of_releases = 4;
constexpr std::size_t first_place_of_refusals = 16;
constexpr std::size_t places = 32;

using Numbers = std::array<std::uint64_t, places>;

std::size_t place_of(Code code) { return first_place_of_refusals + static_cast<std::size_t>(code) - 64; }

std::size_t place_of(GcItem::Kind kind) {
    switch (kind) {
    case GcItem::Kind::receipt:
        return first_place_of_releases;
    case GcItem::Kind::disk_record:
        return first_place_of_releases + 1;
    case GcItem::Kind::segment:
        return first_place_of_releases + 2;
    }
    return 0;
}

std::size_t with_receipts_of(GcItem::Kind kind, const ReleasedRecords& released) {
    switch (kind) {
    case GcItem::Kind::disk_record:
        return released.disks;
    case GcItem::Kind::segment:
        return released.segments;
    case GcItem::Kind::receipt:
        break;
    }
    return 0;
}

// Locked, read and written: 5 us, where a mapping shared by all takes 9, and kills its process when /run is full.
Result<void> try_to_add(const Store& store, std::size_t place, std::uint64_t amount) {
    const auto offset = static_cast<off_t>(place * sizeof(std::uint64_t));
    TRY_ASSIGN(const auto file, open_private_file_alone(store.directory(), file_name, O_RDWR | O_CREAT));
    TRY(sys::lock_exclusively(file.borrow(), 0));
    std::uint64_t number = 0;
    TRY(sys::read_at(file.borrow(), &number, sizeof number, offset)); // beyond the end: 0
    number += amount;
    return sys::write_at(file.borrow(), &number, sizeof number, offset);
}

void add(const Store& store, std::size_t place, std::uint64_t amount) {
    static_cast<void>(try_to_add(store, place, amount));
}

Result<Numbers> read_numbers(const Store& store) {
    Numbers numbers{};
    const auto file = open_private_file(store.directory(), file_name, O_RDONLY);
    if (!file) {
        return file.error().number == ENOENT ? Result<Numbers>(numbers) : std::unexpected(file.error());
    }
    TRY(in_context("the counters", sys::read_at(file->borrow(), numbers.data(), sizeof numbers, 0)));
    return numbers;
}

} // namespace

void count_start(const Store& store) { add(store, place_of_starts, 1); }

void count_refusal(const Store& store, Code code) { add(store, place_of(code), 1); }

void count_releases(const Store& store, const std::vector<GcItem>& items, const ReleasedRecords& with_receipts) {
    for (const auto& counter : Counters{}.releases) {
        const auto kind = counter.first;
        const auto listed = std::ranges::count_if(items, [kind](const GcItem& item) {
            return item.kind == kind && item.outcome == GcItem::Outcome::released;
        });
        const auto released = static_cast<std::uint64_t>(listed) + with_receipts_of(kind, with_receipts);
        if (released > 0) {
            add(store, place_of(kind), released);
        }
    }
}

Result<Counters> read_counters(const std::string& state_dir) {
    Counters counters;
    TRY_ASSIGN(const auto store, Store::open(state_dir));
    if (!store) {
        return counters;
    }
    TRY_ASSIGN(const auto numbers, read_numbers(*store));
    counters.starts = numbers.at(place_of_starts);
    for (auto& [code, number] : counters.refusals) {
        number = numbers.at(place_of(code));
    }
    for (auto& [kind, number] : counters.releases) {
        number = numbers.at(place_of(kind));
    }
    return counters;
}

} // namespace bulkhead::ledger
