// SPDX-License-Identifier: Apache-2.0
// What receipts and disk records have in common as JSON.
#pragma once

#include "runtime/ledger/owner.h"
#include "runtime/oci/json.h"
#include "runtime/sys/project.h"

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace bulkhead::ledger {

inline constexpr std::int64_t format_version = 1;

// {"formatVersion", "id", "bundle", "pid", "startTime", "bootId"}: how each of our files begins.
[[nodiscard]] nlohmann::ordered_json head_to_json(const Owner& owner);
// Refuses another format version.
[[nodiscard]] Result<Owner> head_from_json(const oci::JsonObject& object);

[[nodiscard]] Result<std::uint64_t> number(const oci::JsonObject& object, std::string_view key);

// "projectId".
[[nodiscard]] Result<sys::ProjectId> project_id(const oci::JsonObject& object);

// A path or the name of a cgroup need not be UTF-8, and must not make us throw: what is not becomes U+FFFD.
[[nodiscard]] std::string to_text(const nlohmann::ordered_json& json);

} // namespace bulkhead::ledger
