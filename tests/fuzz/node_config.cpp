// SPDX-License-Identifier: Apache-2.0
// The node config and a drop-in behind a line of "----".
#include "runtime/policy/config_parts.h"
#include "runtime/policy/config_tree.h"

#include "fuzz.h"

#include <string>

namespace bulkhead::fuzz {

namespace {

Result<policy::ConfigTree> parse(std::string_view text, const std::string& file) {
    auto tree = policy::ConfigTree::parse(text, file);
    if (!tree) {
        require(tree.error().code == Code::malformed_input, "what is no JSON is malformed");
        require_sound(tree.error());
    }
    return tree;
}

} // namespace

void fuzz(std::string_view input) {
    constexpr std::string_view border = "\n----\n";
    const auto end = std::min(input.size(), input.find(border));
    auto tree = parse(input.substr(0, end), "FILE");
    auto patch = parse(input.substr(std::min(input.size(), end + border.size())), "PATCH");
    if (!tree) {
        return;
    }
    if (patch) {
        tree->merge(*std::move(patch));
    }
    policy::ConfigReader reader;
    const auto config = policy::read_tree(reader, *tree);
    for (const auto& problem : reader.problems()) {
        require(problem.file == "FILE" || problem.file == "PATCH", "a problem is in a file");
        require_sound(problem.error());
    }
    for (const auto& rule : config.rules) {
        require(!rule.broken || !reader.problems().empty(), "what is broken is told");
    }
    require(config.disk.first_id <= config.disk.last_id, "there is a project id to be given");
}

} // namespace bulkhead::fuzz
