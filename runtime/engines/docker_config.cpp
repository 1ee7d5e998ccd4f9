// SPDX-License-Identifier: Apache-2.0
// daemon.json of docker: one file, no drop-ins.
#include "runtime/engines/config_text.h"
#include "runtime/oci/json.h"

#include <algorithm>

namespace bulkhead::engines {

namespace {

using oci::JsonObject;
using oci::JsonValue;

// Where something else stands than docker would take, it is as if there were nothing: docker does not start with it.
std::string string_of(const JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    const auto text = value ? value->string() : std::unexpected(Error{});
    return text ? *text : "";
}

void add(EngineConfig& config, std::string_view name, const JsonValue& value, const std::string& file) {
    const auto object = value.object();
    if (!object) {
        config.problems.push_back({.file = file, .reason = object.error().what});
        return;
    }
    std::erase_if(config.runtimes, [&](const Runtime& built_in) { return built_in.name == name; });
    Runtime runtime;
    runtime.name = name;
    runtime.file = file;
    // One with "runtimeType" is no program but a shim of containerd's.
    runtime.type = string_of(*object, "runtimeType");
    if (auto path = string_of(*object, "path"); !path.empty()) {
        runtime.paths.push_back(std::move(path));
    }
    config.runtimes.push_back(std::move(runtime));
}

Result<void> read_object(EngineConfig& config, const std::string& text, const std::string& file) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    if (const auto runtimes = object.find("runtimes")) {
        TRY_ASSIGN(const auto table, runtimes->object());
        for (const auto& member : table.members()) {
            add(config, member.key, table.value_of(member), file);
        }
    }
    if (auto name = string_of(object, "default-runtime"); !name.empty()) {
        config.default_runtime = std::move(name);
    }
    if (auto root = string_of(object, "data-root"); !root.empty()) {
        config.storage = std::move(root);
    }
    return {};
}

} // namespace

EngineConfig read_docker(const std::string& main) {
    EngineConfig config;
    config.engine = Engine::docker;
    add_built_in(config, "runc", {});
    config.default_runtime = "runc";
    config.storage = "/var/lib/docker";
    const auto text = read_text(main);
    if (text && !*text) {
        return config;
    }
    config.files.push_back(main);
    const bool blank = text && (*text)->find_first_not_of(" \t\r\n") == std::string::npos;
    const auto read = !text   ? std::unexpected(text.error())
                      : blank ? Result<void>()
                              : read_object(config, **text, main);
    if (!read) {
        config.problems.push_back({.file = main, .reason = read.error().what});
    }
    std::ranges::sort(config.runtimes, {}, &Runtime::name);
    return config;
}

} // namespace bulkhead::engines
