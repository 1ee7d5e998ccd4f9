// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/json_parts.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace bulkhead::ledger {

using nlohmann::ordered_json;
using oci::JsonObject;

ordered_json head_to_json(const Owner& owner) {
    return {{"formatVersion", format_version},
            {"id", owner.id},
            {"bundle", owner.bundle},
            {"pid", owner.process.pid},
            {"startTime", owner.process.start_time},
            {"bootId", owner.boot_id}};
}

Result<Owner> head_from_json(const JsonObject& object) {
    TRY_ASSIGN(const auto version, number(object, "formatVersion"));
    if (version != format_version) {
        return fail(Code::malformed_input, "format version " + std::to_string(version) + " is not known");
    }
    Owner owner;
    TRY_ASSIGN(owner.id, object.required_string("id"));
    TRY_ASSIGN(owner.bundle, object.required_string("bundle"));
    TRY_ASSIGN(const auto pid, number(object, "pid"));
    if (pid > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max())) {
        return fail(Code::malformed_input, "pid is out of range");
    }
    owner.process.pid = static_cast<pid_t>(pid);
    TRY_ASSIGN(owner.process.start_time, number(object, "startTime"));
    TRY_ASSIGN(owner.boot_id, object.required_string("bootId"));
    return owner;
}

Result<std::uint64_t> number(const JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    if (!value) {
        return fail(Code::malformed_input, std::string(key) + " is missing");
    }
    return value->unsigned_integer();
}

Result<sys::ProjectId> project_id(const JsonObject& object) {
    TRY_ASSIGN(const auto id, number(object, "projectId"));
    if (id == 0 || id >= std::numeric_limits<sys::ProjectId>::max()) {
        return fail(Code::malformed_input, "projectId is out of range");
    }
    return static_cast<sys::ProjectId>(id);
}

std::string to_text(const ordered_json& json) {
    return json.dump(2, ' ', false, ordered_json::error_handler_t::replace).append("\n");
}

} // namespace bulkhead::ledger
