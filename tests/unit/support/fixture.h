// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/temporary_directory.h"

#include <string>

namespace bulkhead::test {

// A file of tests/unit/data: what real engines and runtimes wrote, made anonymous and shorter; those that are "hostile"
// are what engines write by their sources (oci/engine_hostile_test.cpp).
inline std::string fixture(const std::string& name) { return read_file(std::string(BULKHEAD_TEST_DATA "/") + name); }

inline std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    if (at == std::string::npos) {
        throw std::runtime_error("nothing to replace: " + from);
    }
    return text.replace(at, from.size(), to);
}

inline std::string repeated(const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) {
        out += text;
    }
    return out;
}

} // namespace bulkhead::test
