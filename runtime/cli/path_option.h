// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace bulkhead::cli {

// For CLI11's transform(): the path that an option has, absolute, without "." and "..". A command may enter another
// mount namespace, and has another working directory then. Throws CLI::ValidationError for an empty one.
[[nodiscard]] std::string absolute_path(const std::string& path);

} // namespace bulkhead::cli
