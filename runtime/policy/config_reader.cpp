// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_reader.h"

#include "runtime/base/nearest.h"

namespace bulkhead::policy {

Error ConfigProblem::error() const {
    std::string what = file;
    what.append(": ").append(path).append(path.empty() ? "" : " ").append(reason);
    return {.code = Code::bad_config, .what = std::move(what)};
}

void ConfigReader::problem(const ConfigTree& tree, std::string_view reason) {
    problems_.push_back({.file = tree.file(), .path = tree.path(), .reason = std::string(reason)});
}

// What a JsonValue says begins with its name, which is the path.
void ConfigReader::malformed(const ConfigTree& tree, const Error& error) {
    const std::string_view what = error.what;
    const bool named = what.starts_with(tree.path() + " ");
    problem(tree, named ? what.substr(tree.path().size() + 1) : what);
}

std::vector<ConfigTree> ConfigReader::elements(const ConfigTree& tree) {
    std::vector<ConfigTree> elements;
    take(tree, tree.elements(), elements);
    return elements;
}

void ConfigReader::strings(const ConfigTree& tree, std::vector<std::string>& into) {
    into.clear();
    for (const auto& element : elements(tree)) {
        string(element, into.emplace_back());
    }
}

std::vector<const ConfigTree*> ConfigReader::objects_members(const ConfigTree& tree) {
    if (tree.is_object()) {
        return tree.members();
    }
    problem(tree, "is not an object");
    return {};
}

void ConfigReader::unknown(const ConfigTree& tree, const std::vector<std::string_view>& known) {
    const auto meant = nearest(tree.name(), known);
    std::string reason = "is not known to this version";
    problem(tree, meant.empty() ? reason : reason.append("; the nearest that is known is ").append(in_quotes(meant)));
}

} // namespace bulkhead::policy
