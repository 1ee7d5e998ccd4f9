// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/explanation_output.h"

#include "runtime/cli/inventory_output.h"
#include "runtime/cli/output.h"

#include <array>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

namespace {

using Json = nlohmann::ordered_json;
using policy::Maximum;

template <typename Value>
Json or_null(const std::optional<Value>& value) {
    return value ? Json(*value) : Json();
}

// A number; of a boolean key true or false.
Json amount(oci::Key key, const std::optional<std::uint64_t>& value) {
    const bool boolean = oci::info_of(key).type == oci::ValueType::boolean;
    return boolean && value ? Json(*value != 0) : or_null(value);
}

Json json_of(const std::optional<policy::ConfigPlace>& place) {
    return place ? Json{{"file", place->file}, {"path", place->path}} : Json();
}

Json json_of(const std::optional<Maximum>& maximum) {
    return maximum ? Json{{"value", maximum->value}, {"origin", maximum->origin}} : Json();
}

// Who asks: an annotation, or the node config at a place.
Json json_of(const oci::Setting& setting) {
    Json origin{{"text", setting.text}};
    if (setting.is_default()) {
        origin["file"] = setting.file;
        origin["path"] = setting.annotation;
    } else {
        origin["annotation"] = setting.annotation;
    }
    return origin;
}

Json container(const Explanation& explanation) {
    constexpr std::array<std::string_view, 3> families{"none", "crio", "containerd"};
    const auto& engine = explanation.engine;
    Json json{{"id", explanation.subject.id}, {"bundle", explanation.subject.bundle}};
    json["engine"] = engine ? Json(families.at(static_cast<std::size_t>(engine->family))) : Json();
    const auto owner = engine ? policy::namespace_of(*engine) : std::unexpected(Error{});
    json["namespace"] = owner && !engine->sandbox ? Json(*owner) : Json();
    json["name"] = engine ? or_null(engine->container_name) : Json();
    json["sandbox"] = engine && engine->sandbox;
    return json;
}

std::string_view word_for(Effect effect) {
    constexpr std::array<std::string_view, 5> words{"none", "set", "kept", "leftOut", "atStart"};
    return words.at(static_cast<std::size_t>(effect));
}

std::string_view word_for(Verdict verdict) {
    constexpr std::array<std::string_view, 3> words{"limits", "nothing", "refused"};
    return words.at(static_cast<std::size_t>(verdict));
}

Json json_of(const KeyLine& line) {
    return {{"key", oci::info_of(line.key).name},
            {"value", amount(line.key, line.value)},
            {"effect", word_for(line.effect)},
            {"asked", line.setting ? json_of(*line.setting) : Json()},
            {"engine", amount(line.key, line.engines)},
            {"maximum", json_of(line.maximum)},
            {"note", line.note}};
}

Json json_of(const SegmentLine& line) {
    const auto& plan = line.plan;
    const auto& options = plan.asked.options;
    return {{"name", plan.asked.name},
            {"place", plan.place.path()},
            {"path", options.path},
            {"size", plan.size ? Json(plan.size->value) : Json()},
            {"inodes", plan.inodes ? Json(plan.inodes->value) : Json()},
            {"readOnly", options.read_only},
            {"exec", options.exec},
            {"declared", line.declared},
            {"keep", plan.keep},
            {"asked", json_of(static_cast<const oci::Setting&>(plan.asked))},
            {"maximum", json_of(std::optional(line.maximum))},
            {"total", json_of(plan.total)}};
}

Json disk(const Explanation& explanation) {
    if (!explanation.plan.disk()) {
        return {};
    }
    constexpr std::array<std::string_view, 3> guards{"auto", "require", "off"};
    auto files = Json::array();
    for (const auto& file : explanation.uncounted) {
        files.push_back(
            {{"destination", file.bind.destination}, {"source", file.bind.source}, {"labelled", file.labelled}});
    }
    const auto& config = explanation.disk;
    return {{"guard", guards.at(static_cast<std::size_t>(config.guard))},
            {"guarded", explanation.guarded ? Json(*explanation.guarded) : Json()},
            {"escapable", explanation.escapable ? Json(*explanation.escapable) : Json()},
            {"impliedInodes", config.implied_inodes},
            {"accountingOnly", config.accounting_only},
            {"notCounted", std::move(files)}};
}

Json on_error(const policy::OnError& config) {
    Json json;
    for (std::size_t i = 0; i < oci::resource_count; ++i) {
        json[std::string(oci::resource_names[i])] = config.warn[i] ? "warn" : "fail";
    }
    return json;
}

template <typename Line>
Json list_of(const std::vector<Line>& lines) {
    auto list = Json::array();
    for (const auto& line : lines) {
        list.push_back(json_of(line));
    }
    return list;
}

} // namespace

Json json_of(const Explanation& explanation) {
    Json json{{"schemaVersion", schema_version},
              {"container", container(explanation)},
              {"config", {{"files", explanation.files}, {"sound", explanation.config_sound}}},
              {"rule", json_of(explanation.rule)},
              {"verdict", word_for(explanation.verdict)},
              {"reason", explanation.reason}};
    json["refusal"] = explanation.refusal ? Json{{"code", static_cast<int>(explanation.refusal->code)},
                                                 {"line", explanation.refusal_line()}}
                                          : Json();
    const bool limits = explanation.verdict == Verdict::limits;
    json["keys"] = limits ? list_of(explanation.keys) : Json::array();
    json["segments"] = limits ? list_of(explanation.segments) : Json::array();
    json["disk"] = limits ? disk(explanation) : Json();
    json["onError"] = limits ? on_error(explanation.on_error) : Json();
    json["atStart"] = limits ? Json(explanation.at_start) : Json::array();
    json["lastRefusal"] = json_of_refusal(explanation.last_refusal);
    return json;
}

} // namespace bulkhead::cli
