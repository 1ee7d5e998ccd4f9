// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/tone.h"

#include <cstdlib>
#include <unistd.h>

namespace bulkhead::cli {

namespace {

std::string_view escape_for(Tone tone) { // SGR
    switch (tone) {
    case Tone::plain:
        return "";
    case Tone::dim:
        return "\033[2m";
    case Tone::warning:
        return "\033[33m";
    case Tone::bad:
        return "\033[31m";
    }
    return "";
}

} // namespace

bool wants_colours() {
    const char* const no_colour = std::getenv("NO_COLOR"); // NOLINT(concurrency-mt-unsafe): there is one thread
    return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

std::string painted(std::string_view text, Tone tone, bool colours) {
    const auto escape = colours ? escape_for(tone) : "";
    return std::string(escape).append(text).append(escape.empty() ? "" : "\033[0m");
}

} // namespace bulkhead::cli
