// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/base/error.h"
#include "runtime/policy/config.h"
#include "runtime/policy/config_reader.h"

#include <string>
#include <vector>

namespace bulkhead::policy {

// What there is to read, and what is wrong with it.
struct ConfigReading {
    Config config; // as far as it is sound
    std::vector<std::string> files;
    std::vector<ConfigProblem> problems;

    // The config, where it is sound. Else the first problem (Code::bad_config) and how many more there are: a part that
    // is not understood might have been the one that says no.
    [[nodiscard]] Result<Config> sound() &&;
};

// A file that others could have written to is a problem. Either nothing of it counts, or, where only its problems are
// asked for, it is looked at all the same for what else is wrong with it.
enum class Untrusted { leave_out, read_on };

// Reads the node config at `path` (absolute) and, where there are any, the drop-ins PATH.d/*.json in the order of their
// names, merged as RFC 7396 says; what there is none of has its defaults. They are the word of whoever is root on the
// node: each must be a regular file that is root's and that nobody else can write to, and so must every directory above
// it; none of them may be a symlink.
[[nodiscard]] ConfigReading read_config(const std::string& path, Untrusted untrusted = Untrusted::leave_out);

} // namespace bulkhead::policy
