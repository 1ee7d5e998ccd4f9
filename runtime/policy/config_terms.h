// SPDX-License-Identifier: Apache-2.0
// The parts of the config that are values for keys: maxima, defaults, and who they are for.
#pragma once

#include "runtime/base/error.h"
#include "runtime/policy/config.h"
#include "runtime/policy/config_reader.h"

#include <string>
#include <vector>

namespace bulkhead::policy {

// "2Gi", a number of bytes, or a share of the node's RAM, "25%"; more than 0. Code::bad_config; the message does not
// repeat the value.
[[nodiscard]] Result<Size> parse_size(const oci::JsonValue& value);

void read_max(ConfigReader& reader, const ConfigTree& tree, Terms& max);
void read_defaults(ConfigReader& reader, const ConfigTree& tree, Terms& defaults);
void read_rules(ConfigReader& reader, const ConfigTree& tree, std::vector<Rule>& rules);

// Globs on namespaces; one that no namespace can match is a problem.
void read_namespace_globs(ConfigReader& reader, const ConfigTree& tree, std::vector<std::string>& globs);

// Names of the members that each of these may have, for messages and for the schema's test.
[[nodiscard]] std::vector<std::string_view> max_names();
[[nodiscard]] std::vector<std::string_view> default_names();
[[nodiscard]] std::vector<std::string_view> rule_names();
[[nodiscard]] std::vector<std::string_view> allow_names();

} // namespace bulkhead::policy
