// SPDX-License-Identifier: Apache-2.0
#include "runtime/base/glob.h"

namespace bulkhead {

namespace {

// Only the last star is ever taken up again, so that it takes no more than glob times text steps. In a text that is a
// pattern, too, a "*" is matched by a "*" alone.
bool matches(std::string_view glob, std::string_view text, bool text_is_glob) {
    std::size_t at = 0;
    std::size_t in_text = 0;
    std::size_t star = std::string_view::npos;
    std::size_t after_star = 0;
    const auto one_matches = [&](char wanted, char there) {
        return wanted == '?' ? !text_is_glob || there != '*' : wanted == there;
    };
    while (in_text < text.size()) {
        if (at < glob.size() && glob[at] == '*') {
            star = at++;
            after_star = in_text;
        } else if (at < glob.size() && one_matches(glob[at], text[in_text])) {
            ++at;
            ++in_text;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            in_text = ++after_star;
        } else {
            return false;
        }
    }
    return glob.find_first_not_of('*', at) == std::string_view::npos;
}

} // namespace

bool glob_matches(std::string_view glob, std::string_view text) { return matches(glob, text, false); }

bool glob_covers(std::string_view general, std::string_view special) { return matches(general, special, true); }

} // namespace bulkhead
