// SPDX-License-Identifier: Apache-2.0
// Programs that engines run as root.
#pragma once

#include "runtime/doctor/check.h"

#include <string>

namespace bulkhead::doctor {

// Whether `path`, symlinks followed, is a program that runs, and that nobody but root can replace: neither it, nor a
// directory above it, nor one above what it leads to. `mend`: what puts it there.
[[nodiscard]] Finding judge_program(const std::string& path, const std::string& mend);

// Whether both lead to the same file.
[[nodiscard]] bool is_same_file(const std::string& path, const std::string& other);
[[nodiscard]] bool exists(const std::string& path);

} // namespace bulkhead::doctor
