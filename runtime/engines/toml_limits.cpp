// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/toml_limits.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace bulkhead::engines {

namespace {

constexpr std::size_t deepest = 64;
constexpr std::size_t most_headers = 5000;
constexpr std::size_t most_keys = 5000;

// Goes through the text once, past strings and comments.
class Scan {
public:
    explicit Scan(std::string_view text) : text_(text) {}

    [[nodiscard]] Result<void> run() {
        while (at_ < text_.size()) {
            step();
            if (outer_.size() + dots_ > deepest) {
                return refuse("is nested too deeply: more than " + std::to_string(deepest) + " levels");
            }
            if (headers_ > most_headers) {
                return refuse("has too many tables: more than " + std::to_string(most_headers));
            }
            if (keys_ > most_keys) {
                return refuse("has too many keys: more than " + std::to_string(most_keys));
            }
        }
        return {};
    }

private:
    [[nodiscard]] std::unexpected<Error> refuse(const std::string& what) const {
        return fail(Code::bad_config, "line " + std::to_string(line_) + ": " + what);
    }

    void step() {
        const char c = text_[at_];
        if (c == '#') {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else if (c == '"' || c == '\'') {
            skip_string(c);
        } else {
            take(c);
            ++at_;
        }
        begins_line_ = c == '\n' || (begins_line_ && (c == ' ' || c == '\t'));
    }

    void take(char c) {
        switch (c) {
        case '[':
        case '{':
            headers_ += begins_line_ && outer_.empty() ? 1U : 0U;
            outer_.push_back(dots_);
            break;
        case ']':
        case '}':
            next_of_outer();
            outer_.resize(outer_.empty() ? 0 : outer_.size() - 1);
            break;
        case ',':
            next_of_outer();
            break;
        case '.':
            ++dots_;
            break;
        case '=':
            ++keys_;
            break;
        case '\n':
            ++line_;
            dots_ = outer_.empty() ? 0 : dots_;
            break;
        default:
            break;
        }
    }

    // The dots of what stands beside it in the same array or table are none of its own.
    void next_of_outer() { dots_ = outer_.empty() ? dots_ : outer_.back(); }

    void skip_string(char quote) {
        const std::string three(3, quote);
        const bool is_long = text_.substr(at_).starts_with(three);
        for (at_ += is_long ? 3 : 1; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\n') {
                if (!is_long) {
                    return; // the parser stops here
                }
                ++line_;
            } else if (text_[at_] == '\\' && quote == '"' && !text_.substr(at_ + 1).starts_with('\n')) {
                ++at_;
            } else if (text_[at_] == quote && (!is_long || text_.substr(at_).starts_with(three))) {
                end_string(quote, is_long);
                return;
            }
        }
    }

    // The end of a long string may have two quotes more, which belong to it.
    void end_string(char quote, bool is_long) {
        const auto last = std::min(at_ + (is_long ? 5U : 1U), text_.size());
        while (at_ < last && text_[at_] == quote) {
            ++at_;
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t dots_ = 0;           // of the key that is read, and of those around it
    std::vector<std::size_t> outer_; // for each bracket that is open, the dots before it
    std::size_t headers_ = 0;
    std::size_t keys_ = 0;
    bool begins_line_ = true;
};

} // namespace

Result<void> require_modest_toml(std::string_view text) { return Scan(text).run(); }

} // namespace bulkhead::engines
