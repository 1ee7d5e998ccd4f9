// SPDX-License-Identifier: Apache-2.0
// The file that `bulkhead metrics` replaces. Its directory may be one that others write to, as node_exporter's user
// does where that is its: none of them may keep us from it, or have us write elsewhere.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"

#include <string>
#include <string_view>

namespace bulkhead::cli {

class MetricsFile {
public:
    // Opens the directory that `path` is in; the file need not be there. Code::malformed_input for what is not to be
    // replaced: devices, pipes and directories, and whatever lies in /dev.
    [[nodiscard]] static Result<MetricsFile> open(const std::string& path);

    // As a whole: who reads it at any moment finds the old text or this one. Mode 0644. What earlier runs left that
    // were killed while they wrote is removed first.
    [[nodiscard]] Result<void> replace(std::string_view text) const;

private:
    [[nodiscard]] Result<void> check() const;
    [[nodiscard]] Result<void> replace_once(std::string_view text) const;
    void remove_abandoned() const;

    UniqueFd directory_;
    std::string name_;
};

} // namespace bulkhead::cli
