// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/policy/config_parts.h"
#include "runtime/policy/config_tree.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace bulkhead::test {

struct ConfigText {
    policy::Config config;
    std::vector<policy::ConfigProblem> problems;
};

// `text` as if it stood in the file `file`.
inline ConfigText read_config_text(const std::string& text, const std::string& file = "FILE") {
    const auto tree = policy::ConfigTree::parse(text, file);
    if (!tree) {
        throw std::runtime_error(tree.error().what);
    }
    policy::ConfigReader reader;
    auto config = policy::read_tree(reader, *tree);
    return {.config = std::move(config), .problems = reader.problems()};
}

// The config that `text` is, which must be sound.
inline policy::Config sound_config(const std::string& text) {
    auto read = read_config_text(text);
    if (!read.problems.empty()) {
        throw std::runtime_error(read.problems.front().error().what);
    }
    return std::move(read.config);
}

} // namespace bulkhead::test
