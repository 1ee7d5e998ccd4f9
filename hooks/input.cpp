// SPDX-License-Identifier: Apache-2.0
#include "hooks/input.h"

#include "runtime/oci/annotation.h"
#include "runtime/sys/file.h"

#include <algorithm>
#include <array>

namespace bulkhead::hook {

namespace {

constexpr std::size_t endless = 1UL << 30U;

// Whether our prefix stands in a stream of chunks, across their borders as well.
class Search {
public:
    void feed(std::string_view chunk) {
        constexpr auto reach = oci::our_prefix.size() - 1;
        border_.append(chunk.substr(0, reach));
        found_ = found_ || chunk.contains(oci::our_prefix) || border_.contains(oci::our_prefix);
        if (chunk.size() > reach) {
            border_ = chunk.substr(chunk.size() - reach);
        } else if (border_.size() > reach) {
            border_.erase(0, border_.size() - reach);
        }
    }
    [[nodiscard]] bool found() const { return found_; }

private:
    std::string border_; // the end of what came before
    bool found_ = false;
};

} // namespace

Result<Input> read_input(BorrowedFd in) {
    Input input;
    Search search;
    std::array<char, 4096> chunk{};
    for (std::size_t seen = 0; seen < endless;) {
        TRY_ASSIGN(const auto count, sys::read_some(in, chunk.data(), chunk.size()));
        if (count == 0) {
            input.names_us = search.found();
            return input;
        }
        const std::string_view bytes(chunk.data(), count);
        search.feed(bytes);
        seen += count;
        const auto room = longest_state - input.text.size();
        input.text.append(bytes.substr(0, room));
        input.too_long = input.too_long || count > room;
    }
    return fail(Code::malformed_input, "standard input has no end; a runtime writes its state there");
}

} // namespace bulkhead::hook
