// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/spec_edit.h"

#include "runtime/oci/spec.h"
#include "runtime/policy/config.h"
#include "runtime/shim/json_edit.h"

namespace bulkhead::shim {

namespace {

using oci::JsonValue;

// As config/hooks.d/50-bulkhead.json has them.
constexpr std::string_view hook_environment = R"(["PATH=/usr/sbin:/usr/bin:/sbin:/bin"])";
constexpr std::string_view hook_timeout = "10";

std::string hook_entry(const SpecEdit& edit) {
    const auto name = std::string_view(edit.hook).substr(edit.hook.rfind('/') + 1); // npos + 1 is 0
    std::string entry = R"({"path":)" + json_string(edit.hook);
    return entry.append(R"(,"args":[)")
        .append(json_string(name))
        .append(R"(],"env":)")
        .append(hook_environment)
        .append(R"(,"timeout":)")
        .append(hook_timeout)
        .append("}");
}

Edit add_hook(const SpecEdit& edit) {
    return add_element(hook_entry(edit), [hook = edit.hook](const JsonValue& entry) -> Result<bool> {
        TRY_ASSIGN(const auto object, entry.object());
        TRY_ASSIGN(const auto path, object.required_string("path"));
        return path == hook || path == policy::RuntimeConfig{}.hook;
    });
}

constexpr std::string_view size_option = "size=";

Result<bool> is_size(const JsonValue& option) {
    TRY_ASSIGN(const auto text, option.string());
    return text.starts_with(size_option);
}

// Of several the kernel takes the last: each is replaced.
Edit set_size(std::uint64_t size) {
    const auto option = json_string(std::string(size_option).append(std::to_string(size)));
    return [option](const std::optional<JsonValue>& options) -> Edited {
        const auto replaced = in_elements([&](const std::optional<JsonValue>& element) -> Edited {
            TRY_ASSIGN(const auto found, is_size(*element));
            return found ? put(option)(element) : std::nullopt;
        })(options);
        return !replaced || *replaced ? replaced : add_element(option, is_size)(options);
    };
}

Edit set_shm_size(std::uint64_t size) {
    return in_elements([size](const std::optional<JsonValue>& entry) -> Edited {
        TRY_ASSIGN(const auto mount, oci::read_mount(*entry));
        if (mount.place != "/dev/shm" || mount.kind != oci::MountKind::tmpfs) {
            return std::nullopt;
        }
        return in_object({{"options", set_size(size)}})(entry);
    });
}

void add_number(std::vector<MemberEdit>& members, std::string_view key, const std::optional<std::uint64_t>& number) {
    if (number) {
        members.push_back({.key = std::string(key), .edit = put(std::to_string(*number))});
    }
}

Edit set_resources(const SpecEdit& edit) {
    std::vector<MemberEdit> memory;
    add_number(memory, "limit", edit.memory_limit);
    add_number(memory, "swap", edit.memory_swap);
    std::vector<MemberEdit> pids;
    add_number(pids, "limit", edit.pids_limit);
    std::vector<MemberEdit> unified;
    unified.reserve(edit.unified.size());
    for (const auto& [file, value] : edit.unified) {
        unified.push_back({.key = file, .edit = put(json_string(value))});
    }
    std::vector<MemberEdit> resources;
    const auto add = [&](std::string key, std::vector<MemberEdit> members) {
        if (!members.empty()) {
            resources.push_back({.key = std::move(key), .edit = in_object(std::move(members))});
        }
    };
    add("memory", std::move(memory));
    add("pids", std::move(pids));
    add("unified", std::move(unified));
    return in_object({{.key = "resources", .edit = in_object(std::move(resources))}});
}

bool has_resources(const SpecEdit& edit) {
    return edit.memory_limit || edit.memory_swap || edit.pids_limit || !edit.unified.empty();
}

} // namespace

Result<std::string> edit_spec(std::string_view text, const SpecEdit& edit) {
    std::vector<MemberEdit> members;
    if (!edit.hook.empty()) {
        const auto add = add_hook(edit);
        members.push_back({"hooks", in_object({{"createRuntime", add}, {"poststop", add}})});
    }
    if (has_resources(edit)) {
        members.push_back({"linux", set_resources(edit)});
    }
    if (edit.shm_size) {
        members.push_back({"mounts", set_shm_size(*edit.shm_size)});
    }
    if (edit.oom_kill) {
        members.push_back({"annotations", in_object({{"org.systemd.property.OOMPolicy", put(json_string("'kill'"))}})});
    }
    return edit_text(text, members);
}

} // namespace bulkhead::shim
