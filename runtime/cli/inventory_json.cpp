// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/inventory_output.h"
#include "runtime/cli/output.h"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

using Json = nlohmann::ordered_json;
using inventory::Container;
using inventory::Inventory;
using inventory::Segment;

namespace {

template <typename Unit>
Json or_null(const std::optional<Unit>& amount) {
    return amount ? Json(amount->value) : Json(nullptr);
}

Json or_null(const std::optional<std::string>& text) { return text ? Json(*text) : Json(nullptr); }

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json json_of(const std::optional<std::chrono::system_clock::time_point>& time) {
    if (!time) {
        return nullptr;
    }
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(*time)));
}

Json json_of(const inventory::Identity& identity) {
    if (!identity.kubernetes_namespace && !identity.pod && !identity.name) {
        return nullptr;
    }
    return {{"namespace", or_null(identity.kubernetes_namespace)},
            {"pod", or_null(identity.pod)},
            {"container", or_null(identity.name)}};
}

Json json_of(const std::optional<inventory::ShmUse>& shm) {
    if (!shm) {
        return nullptr;
    }
    return {{"used", shm->used.value}, {"limit", or_null(shm->limit)}, {"host", shm->hosts}};
}

Json json_of(const std::optional<inventory::DiskUse>& disk) {
    if (!disk) {
        return nullptr;
    }
    return {{"used", disk->used.value},
            {"limit", or_null(disk->limit)},
            {"inodesUsed", disk->used_inodes.value},
            {"inodesLimit", or_null(disk->inodes_limit)},
            {"filesystem", disk->filesystem},
            {"projectId", disk->id},
            {"upper", disk->upper}};
}

Json json_of(const std::optional<inventory::MemoryUse>& memory) {
    if (!memory) {
        return nullptr;
    }
    return {{"workingSet", memory->working_set.value},
            {"usage", memory->usage.value},
            {"anon", memory->anon.value},
            {"file", memory->file.value},
            {"shmem", memory->shmem.value},
            {"limit", or_null(memory->limit)},
            {"high", or_null(memory->high)},
            {"low", memory->low.value},
            {"swapUsed", or_null(memory->swap)},
            {"swapLimit", or_null(memory->swap_limit)},
            {"oomGroup", memory->oom_group ? Json(*memory->oom_group) : Json(nullptr)}};
}

Json json_of(const std::optional<inventory::PidsUse>& pids) {
    if (!pids) {
        return nullptr;
    }
    return {{"used", pids->used.value}, {"limit", or_null(pids->limit)}};
}

template <typename Part>
Json list_of(const std::vector<Part>& parts, Json (*json)(const Part&)) {
    auto list = Json::array();
    for (const auto& part : parts) {
        list.push_back(json(part));
    }
    return list;
}

Json json_of_membership(const inventory::Membership& membership) {
    return {{"name", membership.place.name},
            {"scope", membership.place.scope},
            {"path", membership.path},
            {"readOnly", membership.read_only}};
}

Json json_of_asked(const inventory::Asked& asked) {
    return {{"key", asked.key}, {"value", asked.value}, {"by", asked.by_config ? "config" : "container"}};
}

Json json_of_left_out(const ledger::LeftOut& left_out) {
    return {{"resource", oci::name_of(left_out.resource)}, {"reason", left_out.reason}};
}

Json json_of_container(const Container& container) {
    return {{"id", container.id},
            {"engine", or_null(container.identity.engine)},
            {"kubernetes", json_of(container.identity)},
            {"bundle", container.bundle},
            {"pid", container.pid},
            {"status", word_for(container.status)},
            {"started", json_of(container.started)},
            {"guard", {{"state", word_for(container.guard)}, {"reason", or_null(container.escapable)}}},
            {"shm", json_of(container.shm)},
            {"disk", json_of(container.disk)},
            {"memory", json_of(container.memory)},
            {"pids", json_of(container.pids)},
            {"segments", list_of(container.segments, json_of_membership)},
            {"asked", list_of(container.asked, json_of_asked)},
            {"leftOut", list_of(container.left_out, json_of_left_out)},
            {"problems", container.problems}};
}

Json json_of_member(const inventory::Member& member) {
    return {{"container", or_null(member.container)}, {"pid", member.pid}};
}

Json json_of_segment(const Segment& segment) {
    return {{"name", segment.place.name},
            {"scope", segment.place.scope},
            {"mounted", segment.mounted},
            {"used", segment.mounted ? Json(segment.used.value) : Json(nullptr)},
            {"size", or_null(segment.size)},
            {"kept", segment.kept},
            {"members", list_of(segment.members, json_of_member)}};
}

Json json_of_problem(const inventory::Problem& problem) { return {{"name", problem.name}, {"reason", problem.reason}}; }

} // namespace

Json json_of_containers(const Inventory& inventory) {
    return {{"schemaVersion", schema_version},
            {"containers", list_of(inventory.containers, json_of_container)},
            {"problems", list_of(inventory.problems, json_of_problem)}};
}

Json json_of_segments(const Inventory& inventory) {
    return {{"schemaVersion", schema_version},
            {"segments", list_of(inventory.segments, json_of_segment)},
            {"problems", list_of(inventory.problems, json_of_problem)}};
}

Json json_of(const Inventory& inventory) {
    return {{"schemaVersion", schema_version},
            {"containers", list_of(inventory.containers, json_of_container)},
            {"segments", list_of(inventory.segments, json_of_segment)},
            {"problems", list_of(inventory.problems, json_of_problem)}};
}

Json json_of(const Inspection& inspection) {
    return {{"schemaVersion", schema_version},
            {"container", json_of_container(inspection.container)},
            {"segments", list_of(inspection.segments, json_of_segment)},
            {"lastRefusal", json_of_refusal(inspection.last_refusal)}};
}

Json json_of_refusal(const std::optional<ledger::LastError>& refusal) {
    return refusal ? Json{{"stage", refusal->stage}, {"code", refusal->code}, {"line", refusal->line}} : Json();
}

} // namespace bulkhead::cli
