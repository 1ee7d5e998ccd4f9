// SPDX-License-Identifier: Apache-2.0
// A runtime "bulkhead" in docker's daemon.json.
#include "runtime/engines/daemon.h"
#include "runtime/engines/json_text.h"
#include "runtime/engines/plan_parts.h"
#include "runtime/oci/json.h"

#include <algorithm>

namespace bulkhead::engines {

namespace {

const std::vector<std::string> our_path{"runtimes", std::string(shim_runtime)};
const std::vector<std::string> default_path{"default-runtime"};

JsonValueText string(std::string_view text) { return {.string = std::string(text), .members = {}}; }

Result<void> require_not_anothers(const EngineConfig& config) {
    const auto* const runtime = config.runtime(shim_runtime);
    const bool ours = runtime != nullptr && !runtime->paths.empty() && is_shim(runtime->paths.front());
    return runtime == nullptr || ours
               ? Result<void>()
               : fail(Code::bad_config, runtime->file + ": has a runtime \"bulkhead\" that is not the shim; rename it");
}

// What docker runs by default without us; empty: runc, found in PATH.
std::string default_program(const EngineConfig& config) {
    const auto* const runtime = config.runtime(config.default_runtime);
    return config.default_runtime == shim_runtime || runtime == nullptr || runtime->paths.empty()
               ? ""
               : runtime->paths.front();
}

// dockerd does not start where both its command line and daemon.json have the same thing.
Result<void> require_no_options(const Node& node, bool make_default) {
    for (const auto& daemon : node.daemons) {
        for (const auto* const option : {"--add-runtime", "--default-runtime"}) {
            const bool concerns_us = make_default || option != std::string_view("--default-runtime");
            if (concerns_us && option_of(daemon.arguments, {option})) {
                return fail(Code::bad_config, std::string("dockerd was started with ") + option +
                                                  ", and takes the same from daemon.json no more; move it there first");
            }
        }
    }
    return {};
}

} // namespace

Result<Plan> plan_docker(const Question& question, const Node& node) {
    const auto config = read_engine_config(Engine::docker, question.main);
    TRY(require_sound(config));
    TRY(require_not_anothers(config));
    Plan plan;
    TRY(check_real_runtime(plan, node, shim_path, default_program(config)));
    check_shim(plan, node, shim_path);
    check_daemons(plan, node, question.main, Engine::docker);
    TRY(require_no_options(node, question.make_default));
    std::vector<JsonWish> wishes;
    if (config.runtime(shim_runtime) == nullptr) {
        wishes.push_back({.path = our_path, .value = {{.string = "", .members = {{"path", std::string(shim_path)}}}}});
    }
    if (question.make_default) {
        wishes.push_back({.path = default_path, .value = string(shim_runtime)});
    }
    TRY_ASSIGN(auto now, in_context(question.main, read_text(question.main)));
    auto after = wishes.empty() ? Result<std::string>(now ? *now : "") : edit_json(now ? *now : "", wishes);
    if (!after) {
        return std::unexpected(std::move(after).error().in(question.main));
    }
    plan.edits.push_back({.path = question.main, .before = std::move(now), .after = *std::move(after)});
    return plan;
}

namespace {

// The members of the object at `key`; none where there is no such object.
std::vector<std::string> keys_at(const oci::JsonObject& object, std::string_view key) {
    std::vector<std::string> keys;
    const auto value = object.find(key);
    const auto below = value ? value->object() : std::unexpected(Error());
    if (below) {
        for (const auto& member : below->members()) {
            keys.emplace_back(member.key);
        }
    }
    return keys;
}

std::string string_at(const oci::JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    const auto text = value ? value->string() : std::unexpected(Error());
    return text ? *text : "";
}

bool is_ours(const oci::JsonObject& object) {
    const auto runtimes = object.find("runtimes");
    const auto table = runtimes ? runtimes->object() : std::unexpected(Error());
    const auto runtime = table ? table->find(shim_runtime) : std::nullopt;
    const auto entry = runtime ? runtime->object() : std::unexpected(Error());
    return entry && is_shim(string_at(*entry, "path"));
}

} // namespace

Result<std::optional<std::string>> without_docker(const std::string& text, const std::optional<std::string>& before) {
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
        return text;
    }
    TRY_ASSIGN(const auto object, oci::JsonObject::parse(text, ""));
    const std::string empty = "{}"; // an object is a view of its text
    const auto earlier = oci::JsonObject::parse(before ? *before : empty, "");
    std::vector<JsonWish> wishes;
    if (is_ours(object)) {
        const bool alone = keys_at(object, "runtimes").size() == 1 && !(earlier && earlier->find("runtimes"));
        wishes.push_back({.path = alone ? std::vector<std::string>{"runtimes"} : our_path, .value = {}});
    }
    if (string_at(object, "default-runtime") == shim_runtime) {
        const auto name = earlier ? string_at(*earlier, "default-runtime") : "";
        wishes.push_back({.path = default_path, .value = name.empty() ? std::nullopt : std::optional(string(name))});
    }
    TRY_ASSIGN(auto left, edit_json(text, wishes));
    const auto rest = oci::JsonObject::parse(left, "");
    const bool nothing = left != text && rest && rest->members().empty() && !before;
    return nothing ? std::nullopt : std::optional(std::move(left));
}

} // namespace bulkhead::engines
