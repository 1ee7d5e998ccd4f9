// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share. Each is one file with a fuzz() that is given any bytes and aborts where something that
// must hold of them does not. libFuzzer makes the bytes (tests/fuzz/run), or replay.cpp reads them from files.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/line.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bulkhead::fuzz {

void fuzz(std::string_view input);

// Ends the program, and says why, unless `holds`.
inline void require(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "does not hold: %s\n", what);
        std::abort();
    }
}

// What anybody is told of an error is one short line that no terminal obeys.
inline void require_sound(const Error& error) {
    const auto line = report_line("id", error.what);
    require(line.size() <= longest_line && line == printable(line), "an error is one line");
    require(error.code != Code::internal, "no input is an internal error");
}

// The first line of `input`, which it loses.
inline std::string_view take_line(std::string_view& input) {
    const auto line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    return line;
}

} // namespace bulkhead::fuzz
