// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/path_option.h"

#include <CLI/Error.hpp>
#include <filesystem>

namespace bulkhead::cli {

std::string absolute_path(const std::string& path) {
    if (path.empty()) {
        throw CLI::ValidationError("needs a path");
    }
    return std::filesystem::absolute(path).lexically_normal().string();
}

} // namespace bulkhead::cli
