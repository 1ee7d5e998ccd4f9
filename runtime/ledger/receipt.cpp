// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/receipt.h"

#include "runtime/oci/json.h"

#include <limits>
#include <nlohmann/json.hpp>

namespace bulkhead::ledger {

using nlohmann::ordered_json;
using oci::JsonObject;
using oci::JsonValue;

namespace {

constexpr std::int64_t format_version = 1;

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

Result<std::uint64_t> number(const JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    if (!value) {
        return fail(Code::malformed_input, std::string(key) + " is missing");
    }
    return value->unsigned_integer();
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

Result<void> read_process(const JsonObject& object, Receipt& receipt) {
    TRY_ASSIGN(const auto pid, number(object, "pid"));
    if (pid > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max())) {
        return fail(Code::malformed_input, "pid is out of range");
    }
    receipt.process.pid = static_cast<pid_t>(pid);
    TRY_ASSIGN(receipt.process.start_time, number(object, "startTime"));
    TRY_ASSIGN(receipt.boot_id, object.required_string("bootId"));
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
        receipt.asked.push_back({.key = member.key, .value = std::move(value)});
    }
    return {};
}

Result<void> read_resources(const JsonObject& object, Receipt& receipt) {
    if (const auto shm = object.find("shm")) {
        TRY_ASSIGN(receipt.shm, shm_from_json(*shm));
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
    TRY_ASSIGN(const auto version, number(object, "formatVersion"));
    if (version != format_version) {
        return fail(Code::malformed_input, "format version " + std::to_string(version) + " is not known");
    }
    Receipt receipt;
    TRY_ASSIGN(receipt.id, object.required_string("id"));
    TRY_ASSIGN(receipt.bundle, object.required_string("bundle"));
    TRY(read_process(object, receipt));
    TRY(read_asked(object, receipt));
    TRY(read_resources(object, receipt));
    return receipt;
}

} // namespace

std::string to_json(const Receipt& receipt) {
    ordered_json json{{"formatVersion", format_version},
                      {"id", receipt.id},
                      {"bundle", receipt.bundle},
                      {"pid", receipt.process.pid},
                      {"startTime", receipt.process.start_time},
                      {"bootId", receipt.boot_id},
                      {"asked", ordered_json::object()},
                      {"cgroup", ordered_json::array()}};
    for (const auto& annotation : receipt.asked) {
        json["asked"][annotation.key] = annotation.value;
    }
    if (receipt.shm) {
        json["shm"] = shm_to_json(*receipt.shm);
    }
    for (const auto& write : receipt.cgroup) {
        json["cgroup"].push_back(write_to_json(write));
    }
    // `replace`: a cgroup's name or a bundle's path need not be UTF-8, and dump() would throw.
    return json.dump(2, ' ', false, ordered_json::error_handler_t::replace).append("\n");
}

Result<Receipt> from_json(std::string_view text) {
    auto receipt = parse(text);
    if (!receipt) {
        receipt.error().code = Code::internal;
    }
    return receipt;
}

Result<bool> is_alive(const Receipt& receipt) {
    TRY_ASSIGN(const auto boot, sys::boot_id());
    return receipt.boot_id == boot ? sys::is_running(receipt.process) : Result<bool>(false);
}

Result<void> release(const Receipt& receipt) {
    if (receipt.shm) {
        TRY(in_context("/dev/shm", resources::release_shm(*receipt.shm)));
    }
    return in_context("cgroup", resources::release_cgroup(receipt.cgroup));
}

} // namespace bulkhead::ledger
