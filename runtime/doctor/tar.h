// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"

#include <string>
#include <string_view>

namespace bulkhead::doctor {

// An archive as POSIX has it (ustar), of directories and files of root's.
class Tar {
public:
    // Names have at most 99 bytes.
    void add_directory(std::string_view name);
    void add_file(std::string_view name, std::string_view content, unsigned mode);
    // With the end of an archive behind it.
    [[nodiscard]] std::string text() const;

private:
    void add_header(std::string_view name, std::size_t size, unsigned mode, char type);

    std::string text_;
};

} // namespace bulkhead::doctor
