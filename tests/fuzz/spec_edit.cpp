// SPDX-License-Identifier: Apache-2.0
// What the shim writes into a config.json: the first byte says what.
#include "runtime/shim/spec_edit.h"

#include "fuzz.h"
#include "support/tokens.h"

#include <nlohmann/json.hpp>
#include <string>

namespace bulkhead::fuzz {

namespace {

shim::SpecEdit edit_of(unsigned byte) {
    shim::SpecEdit edit;
    const auto asked = [byte](unsigned bit) { return (byte >> bit & 1U) != 0; };
    edit.hook = asked(0) ? "/x/hook" : "";
    edit.shm_size = asked(1) ? std::optional<std::uint64_t>(4096) : std::nullopt;
    edit.memory_limit = asked(2) ? std::optional<std::uint64_t>(1 << 20) : std::nullopt;
    edit.memory_swap = asked(3) ? std::optional<std::uint64_t>(2 << 20) : std::nullopt;
    edit.pids_limit = asked(4) ? std::optional<std::uint64_t>(10) : std::nullopt;
    if (asked(5)) {
        edit.unified["memory.high"] = "4096";
    }
    edit.oom_kill = asked(6);
    return edit;
}

} // namespace

void fuzz(std::string_view input) {
    if (input.empty()) {
        return;
    }
    const auto edit = edit_of(static_cast<unsigned char>(input.front()));
    const std::string text(input.substr(1));
    const auto edited = shim::edit_spec(text, edit);
    if (!edited) {
        require(edited.error().code == Code::malformed_input, "what cannot be edited is malformed");
        require_sound(edited.error());
        return;
    }
    const auto twice = shim::edit_spec(*edited, edit);
    require(twice && *twice == *edited, "twice edited is once edited");
    constexpr std::size_t longest = 4096; // beyond, comparing takes too long
    // What is no JSON to its last byte is the runtime's to refuse.
    if (text.size() <= longest && nlohmann::json::accept(text)) {
        require(test::lost(text, *edited) <= test::replaced(text, edit), "nothing that is not ours changes");
    }
}

} // namespace bulkhead::fuzz
