// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/receipt.h"

#include "runtime/ledger/json_parts.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bulkhead::ledger {

using nlohmann::ordered_json;
using oci::JsonObject;
using oci::JsonValue;

namespace {

ordered_json shm_to_json(const resources::ShmRecord& shm) {
    return {{"source", shm.source},
            {"device", shm.device},
            {"oldSize", shm.old_size.value},
            {"newSize", shm.new_size.value},
            {"shared", shm.shared ? 1 : 0}};
}

ordered_json write_to_json(const resources::CgroupWrite& write) {
    return {{"version", write.place.version == sys::CgroupVersion::v1 ? 1 : 2},
            {"controller", write.place.controller},
            {"path", write.place.path},
            {"inode", write.inode},
            {"file", write.file},
            {"oldValue", write.old_value},
            {"newValue", write.new_value}};
}

Result<resources::ShmRecord> shm_from_json(const JsonValue& value) {
    TRY_ASSIGN(const auto object, value.object());
    resources::ShmRecord shm;
    TRY_ASSIGN(shm.source, object.required_string("source"));
    TRY_ASSIGN(shm.device, number(object, "device"));
    TRY_ASSIGN(shm.old_size.value, number(object, "oldSize"));
    TRY_ASSIGN(shm.new_size.value, number(object, "newSize"));
    TRY_ASSIGN(const auto shared, number(object, "shared"));
    shm.shared = shared != 0;
    return shm;
}

Result<resources::CgroupWrite> write_from_json(const JsonValue& value) {
    TRY_ASSIGN(const auto object, value.object());
    resources::CgroupWrite write;
    TRY_ASSIGN(const auto version, number(object, "version"));
    write.place.version = version == 1 ? sys::CgroupVersion::v1 : sys::CgroupVersion::v2;
    TRY_ASSIGN(write.place.controller, object.required_string("controller"));
    TRY_ASSIGN(write.place.path, object.required_string("path"));
    TRY_ASSIGN(write.inode, number(object, "inode"));
    TRY_ASSIGN(write.file, object.required_string("file"));
    TRY_ASSIGN(write.old_value, object.required_string("oldValue"));
    TRY_ASSIGN(write.new_value, object.required_string("newValue"));
    return write;
}

ordered_json disk_to_json(const DiskReference& disk) {
    return {{"filesystem", disk.filesystem}, {"projectId", disk.id}, {"upper", disk.upper}};
}

Result<DiskReference> disk_from_json(const JsonValue& value) {
    TRY_ASSIGN(const auto object, value.object());
    DiskReference disk;
    TRY_ASSIGN(disk.filesystem, object.required_string("filesystem"));
    TRY_ASSIGN(disk.id, project_id(object));
    TRY_ASSIGN(disk.upper, object.required_string("upper"));
    return disk;
}

ordered_json segment_to_json(const resources::SegmentRecord& segment) {
    return {{"place", segment.place.path()}, {"path", segment.path}, {"readOnly", segment.read_only ? 1 : 0}};
}

Result<resources::SegmentRecord> segment_from_json(const JsonValue& value) {
    TRY_ASSIGN(const auto object, value.object());
    resources::SegmentRecord segment;
    TRY_ASSIGN(const auto text, object.required_string("place"));
    auto place = policy::parse_segment_place(text);
    if (!place) {
        return value.malformed("has a place that is no segment's");
    }
    segment.place = *std::move(place);
    TRY_ASSIGN(segment.path, object.required_string("path"));
    TRY_ASSIGN(const auto read_only, number(object, "readOnly"));
    segment.read_only = read_only != 0;
    return segment;
}

Result<void> read_segments(const JsonObject& object, Receipt& receipt) {
    const auto segments = object.find("segments");
    if (!segments) {
        return {};
    }
    TRY_ASSIGN(const auto list, segments->array());
    for (const auto& element : list) {
        TRY_ASSIGN(auto segment, segment_from_json(element));
        receipt.segments.push_back(std::move(segment));
    }
    return {};
}

ordered_json left_out_to_json(const LeftOut& left_out) {
    return {{"resource", oci::name_of(left_out.resource)}, {"reason", left_out.reason}};
}

Result<LeftOut> left_out_from_json(const JsonValue& value) {
    TRY_ASSIGN(const auto object, value.object());
    LeftOut left_out;
    TRY_ASSIGN(const auto name, object.required_string("resource"));
    const auto* const known = std::ranges::find(oci::resource_names, name);
    if (known == oci::resource_names.end()) {
        return value.malformed("has a resource that is none");
    }
    left_out.resource = static_cast<oci::Resource>(known - oci::resource_names.begin());
    TRY_ASSIGN(left_out.reason, object.required_string("reason"));
    return left_out;
}

constexpr std::string_view prepared_word = "prepared";
constexpr std::string_view running_word = "running";

Result<void> read_phase(const JsonObject& object, Receipt& receipt) {
    const auto value = object.find("phase");
    TRY_ASSIGN(const auto word, value ? value->string() : Result<std::string>(running_word));
    if (word != prepared_word && word != running_word) {
        return fail(Code::malformed_input, "phase is none");
    }
    receipt.phase = word == prepared_word ? Phase::prepared : Phase::running;
    return {};
}

ordered_json guard_to_json(const GuardRecord& guard) {
    return {{"putUp", guard.put_up ? 1 : 0}, {"escapable", guard.escapable}};
}

Result<void> read_guard(const JsonObject& object, Receipt& receipt) {
    const auto value = object.find("guard");
    if (!value) {
        return {};
    }
    TRY_ASSIGN(const auto guard, value->object());
    TRY_ASSIGN(const auto put_up, number(guard, "putUp"));
    TRY_ASSIGN(auto escapable, guard.required_string("escapable"));
    receipt.guard = GuardRecord{.put_up = put_up != 0, .escapable = std::move(escapable)};
    return {};
}

Result<void> read_promises(const JsonObject& object, Receipt& receipt) {
    const auto value = object.find("promises");
    if (!value) {
        return {};
    }
    TRY_ASSIGN(const auto promises, value->object());
    for (const auto& member : promises.members()) {
        const auto* const info = std::ranges::find(oci::annotation_keys, member.key, &oci::KeyInfo::name);
        if (info == oci::annotation_keys.end()) {
            return fail(Code::malformed_input, "promises has a key that is none");
        }
        TRY_ASSIGN(const auto amount, promises.value_of(member).unsigned_integer());
        receipt.promises.push_back({.key = info->key, .value = amount});
    }
    return {};
}

Result<void> read_left_out(const JsonObject& object, Receipt& receipt) {
    const auto left_out = object.find("leftOut");
    if (!left_out) {
        return {};
    }
    TRY_ASSIGN(const auto list, left_out->array());
    for (const auto& element : list) {
        TRY_ASSIGN(auto one, left_out_from_json(element));
        receipt.left_out.push_back(std::move(one));
    }
    return {};
}

Result<void> read_asked(const JsonObject& object, Receipt& receipt) {
    const auto asked = object.find("asked");
    if (!asked) {
        return {};
    }
    TRY_ASSIGN(const auto keys, asked->object());
    for (const auto& member : keys.members()) {
        TRY_ASSIGN(auto value, keys.value_of(member).string());
        receipt.asked.push_back({.key = std::string(member.key), .value = std::move(value)});
    }
    return {};
}

Result<void> read_resources(const JsonObject& object, Receipt& receipt) {
    if (const auto shm = object.find("shm")) {
        TRY_ASSIGN(receipt.shm, shm_from_json(*shm));
    }
    if (const auto disk = object.find("disk")) {
        TRY_ASSIGN(receipt.disk, disk_from_json(*disk));
    }
    if (const auto cgroup = object.find("cgroup")) {
        TRY_ASSIGN(const auto writes, cgroup->array());
        for (const auto& element : writes) {
            TRY_ASSIGN(auto write, write_from_json(element));
            receipt.cgroup.push_back(std::move(write));
        }
    }
    return {};
}

Result<Receipt> parse(std::string_view text) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    Receipt receipt;
    TRY_ASSIGN(static_cast<Owner&>(receipt), head_from_json(object));
    TRY(read_phase(object, receipt));
    TRY(read_guard(object, receipt));
    TRY(read_promises(object, receipt));
    TRY(read_asked(object, receipt));
    TRY(read_left_out(object, receipt));
    TRY(read_resources(object, receipt));
    TRY(read_segments(object, receipt));
    return receipt;
}

} // namespace

std::string to_json(const Receipt& receipt) {
    auto json = head_to_json(receipt);
    json["phase"] = receipt.phase == Phase::prepared ? prepared_word : running_word;
    if (receipt.guard) {
        json["guard"] = guard_to_json(*receipt.guard);
    }
    for (const auto& promise : receipt.promises) {
        json["promises"][std::string(oci::info_of(promise.key).name)] = promise.value;
    }
    json["asked"] = ordered_json::object();
    json["cgroup"] = ordered_json::array();
    for (const auto& annotation : receipt.asked) {
        json["asked"][annotation.key] = annotation.value;
    }
    if (receipt.shm) {
        json["shm"] = shm_to_json(*receipt.shm);
    }
    if (receipt.disk) {
        json["disk"] = disk_to_json(*receipt.disk);
    }
    for (const auto& write : receipt.cgroup) {
        json["cgroup"].push_back(write_to_json(write));
    }
    for (const auto& one : receipt.left_out) {
        json["leftOut"].push_back(left_out_to_json(one));
    }
    for (const auto& segment : receipt.segments) {
        json["segments"].push_back(segment_to_json(segment));
    }
    return to_text(json);
}

Result<Receipt> from_json(std::string_view text) {
    auto receipt = parse(text);
    if (!receipt) {
        receipt.error().code = Code::internal;
    }
    return receipt;
}

} // namespace bulkhead::ledger
