// SPDX-License-Identifier: Apache-2.0
// What the readers of the config's parts share: tables of members, and a list of all that is wrong.
#pragma once

#include "runtime/base/error.h"
#include "runtime/policy/config_tree.h"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::policy {

// One thing that is wrong with the config.
struct ConfigProblem {
    std::string file;
    std::string path; // of the member; empty: the file as a whole
    std::string reason;

    // Code::bad_config, "FILE: PATH REASON".
    [[nodiscard]] Error error() const;
    bool operator==(const ConfigProblem&) const = default;
};

class ConfigReader;

// A member that an object may have, and how it is read into what the object becomes.
template <typename Part>
struct ConfigMember {
    std::string_view name;
    void (*read)(ConfigReader&, const ConfigTree&, Part&);
};

class ConfigReader {
public:
    [[nodiscard]] std::vector<ConfigProblem>& problems() { return problems_; }

    void problem(const ConfigTree& tree, std::string_view reason);

    // The value, or a problem and `into` as it was.
    template <typename Value>
    void take(const ConfigTree& tree, Result<Value> value, Value& into) {
        if (value) {
            into = *std::move(value);
        } else {
            malformed(tree, value.error());
        }
    }
    void boolean(const ConfigTree& tree, bool& into) { take(tree, tree.value().boolean(), into); }
    void string(const ConfigTree& tree, std::string& into) { take(tree, tree.value().string(), into); }
    void strings(const ConfigTree& tree, std::vector<std::string>& into);
    [[nodiscard]] std::vector<ConfigTree> elements(const ConfigTree& tree);

    // Each member as the table has it; one that it has not is a problem, with the nearest that it has.
    template <typename Part>
    void members(const ConfigTree& tree, std::span<const ConfigMember<Part>> table, Part& into) {
        for (const auto* member : objects_members(tree)) {
            const auto known = std::ranges::find(table, member->name(), &ConfigMember<Part>::name);
            if (known != table.end()) {
                known->read(*this, *member, into);
            } else {
                unknown(*member, names_of(table));
            }
        }
    }
    // None, and a problem, where it is no object.
    [[nodiscard]] std::vector<const ConfigTree*> objects_members(const ConfigTree& tree);
    void unknown(const ConfigTree& tree, const std::vector<std::string_view>& known);

    template <typename Part>
    static std::vector<std::string_view> names_of(std::span<const ConfigMember<Part>> table) {
        std::vector<std::string_view> names;
        std::ranges::transform(table, std::back_inserter(names), &ConfigMember<Part>::name);
        return names;
    }

private:
    void malformed(const ConfigTree& tree, const Error& error);

    std::vector<ConfigProblem> problems_;
};

} // namespace bulkhead::policy
