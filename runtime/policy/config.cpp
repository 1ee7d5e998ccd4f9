// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config.h"

#include "runtime/base/quantity.h"
#include "runtime/oci/json.h"
#include "runtime/oci/segment.h"

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

Result<void> read_disk(const JsonValue& value, DiskConfig& disk) {
    TRY_ASSIGN(const auto object, value.object());
    for (const auto& member : object.members()) {
        TRY(read_disk_member(member, object.value_of(member), disk));
    }
    return {};
}

// "2Gi", "25%", or a number of bytes.
Result<Size> read_size(const JsonValue& value) {
    const auto text = value.string();
    if (!text) {
        const auto bytes = value.unsigned_integer();
        return bytes && *bytes > 0 ? Result<Size>({.value = *bytes, .percent = false})
                                   : value.malformed(R"(is no size; write "2Gi", bytes, or a share of RAM, "25%")");
    }
    if (text->ends_with('%')) {
        const auto percent = parse_unsigned(std::string_view(*text).substr(0, text->size() - 1));
        return percent && *percent > 0 && *percent <= 100 ? Result<Size>({.value = *percent, .percent = true})
                                                          : value.malformed(R"(is no share; write "1%" to "100%")");
    }
    const auto bytes = parse_bytes(*text);
    if (!bytes || bytes->value == 0) {
        return value.malformed(bytes ? "is 0; write more" : bytes.error().what);
    }
    return Size{.value = bytes->value, .percent = false};
}

Result<std::vector<std::string>> read_globs(const JsonValue& value) {
    TRY_ASSIGN(const auto elements, value.array());
    std::vector<std::string> globs;
    for (const auto& element : elements) {
        TRY_ASSIGN(auto glob, element.string());
        globs.push_back(std::move(glob));
    }
    return globs;
}

Result<void> read_segment_member(const JsonObject::Member& member, const JsonValue& value, DeclaredSegment& segment) {
    if (member.key == "size") {
        TRY_ASSIGN(segment.size, read_size(value));
    } else if (member.key == "readers") {
        TRY_ASSIGN(segment.readers, read_globs(value));
    } else if (member.key == "writers") {
        TRY_ASSIGN(segment.writers, read_globs(value));
    } else if (member.key == "keep") {
        TRY_ASSIGN(segment.keep, value.boolean());
    } else if (member.key == "exec") {
        TRY_ASSIGN(segment.exec, value.boolean());
    } else {
        return unknown(value);
    }
    return {};
}

Result<DeclaredSegment> read_segment(const std::string& name, const JsonValue& value) {
    if (!oci::is_segment_name(name)) {
        return value.malformed("is no name of a segment; write 1 to 43 of a-z, 0-9 and -");
    }
    DeclaredSegment segment{.name = name, .size = {}, .readers = {}, .writers = {}};
    TRY_ASSIGN(const auto object, value.object());
    for (const auto& member : object.members()) {
        TRY(read_segment_member(member, object.value_of(member), segment));
    }
    if (segment.readers.empty() && segment.writers.empty()) {
        return value.malformed("has neither readers nor writers, so nobody could join it");
    }
    return segment;
}

Result<void> read_segments(const JsonValue& value, Config& config) {
    TRY_ASSIGN(const auto object, value.object());
    for (const auto& member : object.members()) {
        TRY_ASSIGN(auto segment, read_segment(member.key, object.value_of(member)));
        config.segments.push_back(std::move(segment));
    }
    return {};
}

Result<Config> parse(std::string_view text) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    Config config;
    for (const auto& member : object.members()) {
        const auto value = object.value_of(member);
        if (member.key == "disk") {
            TRY(read_disk(value, config.disk));
        } else if (member.key == "segments") {
            TRY(read_segments(value, config));
        } else {
            return unknown(value);
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
