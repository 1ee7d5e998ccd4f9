// SPDX-License-Identifier: Apache-2.0
// What a command prints, to the letter, in a file of data/output.
#pragma once

#include "support/temporary_directory.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <string>

namespace bulkhead::test {

// With BULKHEAD_WRITE_GOLDEN in the environment the file becomes what is printed now, for a look at the difference.
inline void expect_golden(const std::string& name, const std::string& text) {
    const auto path = std::string(BULKHEAD_TEST_DATA "/output/") + name;
    if (std::getenv("BULKHEAD_WRITE_GOLDEN") != nullptr) {
        write_file(path, text);
    }
    CAPTURE(name);
    CHECK(text == read_file(path));
}

} // namespace bulkhead::test
