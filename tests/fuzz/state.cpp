// SPDX-License-Identifier: Apache-2.0
// What a runtime writes to the hook's standard input.
#include "runtime/oci/state.h"

#include "fuzz.h"

namespace bulkhead::fuzz {

void fuzz(std::string_view input) {
    const auto state = oci::parse_state(input);
    if (!state) {
        require(state.error().code == Code::malformed_input, "a state that is no state is malformed");
        require_sound(state.error());
        return;
    }
    require(oci::is_container_id(state->id), "the id can be a file's name");
    require(state->bundle.starts_with('/'), "the bundle is absolute");
    require(state->bundle == "/" || !state->bundle.ends_with('/'), "the bundle has no slash at its end");
    require(!state->bundle.contains('\0'), "no path has a NUL in it");
    require(!state->pid || *state->pid > 0, "a pid is one");
}

} // namespace bulkhead::fuzz
