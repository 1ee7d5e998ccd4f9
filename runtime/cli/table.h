// SPDX-License-Identifier: Apache-2.0
// Tables for people: columns as wide as what is in them. What others wrote cannot move a cursor.
#pragma once

#include "runtime/base/units.h"
#include "runtime/cli/tone.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::cli {

struct Cell {
    std::string text;
    Tone tone = Tone::plain;
};

class Table {
public:
    explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

    // As many cells as the header has; an empty one shows as "-".
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

    // With the header, even where there is no row. Colours are escapes for terminals.
    [[nodiscard]] std::vector<std::string> lines(bool colours) const;
    // On standard output, in colours if it wants_colours().
    void print() const;

private:
    std::vector<std::string> header_;
    std::vector<std::vector<Cell>> rows_;
};

// At most five characters: "512", "1.5Mi", "64Mi", "1.0Gi" (which may be a little less). Rounded to the nearest.
[[nodiscard]] std::string rounded(Bytes bytes);

// "12Mi/64Mi", "12Mi/-" without a limit.
[[nodiscard]] std::string use_of(Bytes used, const std::optional<Bytes>& limit);
[[nodiscard]] std::string use_of(Count used, const std::optional<Count>& limit);

// How near to the limit: from 80 % on a warning, from 95 % bad.
[[nodiscard]] Tone tone_of(std::uint64_t used, const std::optional<std::uint64_t>& limit);

} // namespace bulkhead::cli
