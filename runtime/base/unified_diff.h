// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

// What changes from `before` to `after`, as `diff -u` writes it and patch(1) reads it, with three lines around each
// change; empty where nothing does. A text that is not there is /dev/null.
[[nodiscard]] std::string unified_diff(std::string_view name, const std::optional<std::string>& before,
                                       const std::optional<std::string>& after);

} // namespace bulkhead
