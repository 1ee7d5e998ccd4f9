// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/ledger/store.h"

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::ledger {

// Keeps the last refusal of a container, as crun shows a user no more than its number. Bounded: STATE/errors has 256
// places, and an id that falls on another's takes it. Written as a whole or not at all; failing to is no error of the
// container's.
void remember_error(const Store& store, std::string_view id, std::string_view stage, Code code, std::string_view line);

// The same, and counted. Where it is not known of which container (`id` is empty), it is counted if the state directory
// is there.
void keep_refusal(const std::string& state_dir, std::string_view id, std::string_view stage, Code code,
                  std::string_view line);
// What remember_error() kept of it.
struct LastError {
    std::string id;
    std::string stage;
    int code = 0; // the exit status
    std::string line;
};
// nullopt where there was none, or another id has taken its place.
[[nodiscard]] Result<std::optional<LastError>> recall_error(const Store& store, std::string_view id);

} // namespace bulkhead::ledger
