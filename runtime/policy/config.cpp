// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config.h"

#include "runtime/oci/json.h"

#include <limits>
#include <vector>

namespace bulkhead::policy {

namespace {

using oci::JsonObject;
using oci::JsonValue;

std::unexpected<Error> unknown(const JsonValue& value) { return value.malformed("is not known to this version"); }

Result<std::uint32_t> read_id(const JsonValue& value) {
    TRY_ASSIGN(const auto id, value.unsigned_integer());
    if (id == 0 || id >= std::numeric_limits<std::uint32_t>::max()) {
        return value.malformed("is no project id; write 1 to 4294967294");
    }
    return static_cast<std::uint32_t>(id);
}

Result<void> read_ids(const JsonValue& value, DiskConfig& disk) {
    TRY_ASSIGN(const auto ids, value.array());
    if (ids.size() != 2) {
        return value.malformed("is not two numbers, the first and the last id");
    }
    TRY_ASSIGN(disk.first_id, read_id(ids[0]));
    TRY_ASSIGN(disk.last_id, read_id(ids[1]));
    if (disk.first_id > disk.last_id) {
        return value.malformed("has a first id above the last one");
    }
    return {};
}

struct Switch {
    std::string_view name;
    bool DiskConfig::* member;
};
constexpr Switch switches[] = {
    {"implied-inodes", &DiskConfig::implied_inodes},
    {"accounting-only", &DiskConfig::accounting_only},
    {"enable-enforcement", &DiskConfig::enable_enforcement},
    {"label-engine-files", &DiskConfig::label_engine_files},
};

Result<void> read_disk_member(const JsonObject::Member& member, const JsonValue& value, DiskConfig& disk) {
    if (member.key == "project-ids") {
        return read_ids(value, disk);
    }
    for (const auto& known : switches) {
        if (member.key == known.name) {
            TRY_ASSIGN(disk.*known.member, value.boolean());
            return {};
        }
    }
    return unknown(value);
}

Result<Config> parse(std::string_view text) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    Config config;
    for (const auto& member : object.members()) {
        const auto value = object.value_of(member);
        if (member.key != "disk") {
            return unknown(value);
        }
        TRY_ASSIGN(const auto disk, value.object());
        for (const auto& inner : disk.members()) {
            TRY(read_disk_member(inner, disk.value_of(inner), config.disk));
        }
    }
    return config;
}

} // namespace

Result<Config> parse_config(std::string_view text) {
    auto config = parse(text);
    if (!config) {
        config.error().code = Code::bad_config;
    }
    return config;
}

} // namespace bulkhead::policy
