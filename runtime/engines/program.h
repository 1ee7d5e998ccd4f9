// SPDX-License-Identifier: Apache-2.0
// Programs by the names that engines' packages install them under, whatever PATH this process has.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>

namespace bulkhead::engines {

// Which file `path` leads to, by device and inode, where that may be run; else nullopt.
[[nodiscard]] std::optional<std::pair<dev_t, ino_t>> program_at(const std::string& path);

// Where the program `name` is; nullopt: nowhere.
[[nodiscard]] std::optional<std::string> find_program(std::string_view name);

} // namespace bulkhead::engines
