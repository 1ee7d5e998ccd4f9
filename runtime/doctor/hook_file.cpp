// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/hook_file.h"

#include "runtime/engines/config_text.h"
#include "runtime/oci/json.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex.h>

namespace bulkhead::doctor {

namespace {

using oci::JsonObject;
using oci::JsonValue;

// A pattern of Go's (RE2), which are POSIX's extended ones but for what begins with a backslash and a letter, and "(?".
class Pattern {
public:
    explicit Pattern(const std::string& text) : known_(!is_gos_alone(text)) {
        compiles_ = ::regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_NOSUB) == 0;
    }
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;
    ~Pattern() {
        if (compiles_) {
            ::regfree(&compiled_);
        }
    }

    // Neither engine would read it.
    [[nodiscard]] bool is_broken() const { return known_ && !compiles_; }
    [[nodiscard]] std::optional<bool> matches(std::string_view text) const {
        if (!known_ || !compiles_) {
            return std::nullopt;
        }
        return ::regexec(&compiled_, std::string(text).c_str(), 0, nullptr, 0) == 0;
    }

private:
    static bool is_gos_alone(std::string_view text) {
        for (auto at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at + 2)) {
            if (at + 1 < text.size() && std::isalnum(static_cast<unsigned char>(text[at + 1])) != 0) {
                return true;
            }
        }
        return text.find("(?") != std::string_view::npos;
    }

    bool known_;
    bool compiles_ = false;
    regex_t compiled_{};
};

constexpr std::array<std::string_view, 8> known_stages{"prestart",       "createRuntime", "createContainer",
                                                       "startContainer", "poststart",     "poststop",
                                                       "precreate", // podman's own
                                                       "sendSeccompFd"};

Result<std::vector<std::string>> strings_of(const JsonObject& object, std::string_view key) {
    std::vector<std::string> strings;
    const auto value = object.find(key);
    if (!value) {
        return strings;
    }
    TRY_ASSIGN(const auto elements, value->array());
    for (const auto& element : elements) {
        TRY_ASSIGN(strings.emplace_back(), element.string());
    }
    return strings;
}

Result<void> check_pattern(const std::string& pattern) {
    return Pattern(pattern).is_broken() ? fail(Code::malformed_input, in_quotes(pattern) + " is no regular expression")
                                        : Result<void>();
}

Result<std::optional<bool>> boolean_of(const JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    if (!value) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto boolean, value->boolean());
    return boolean;
}

Result<HookCondition> read_condition(const JsonObject& object) {
    HookCondition condition;
    TRY_ASSIGN(condition.always, boolean_of(object, "always"));
    TRY_ASSIGN(condition.has_bind_mounts, boolean_of(object, "hasBindMounts"));
    TRY_ASSIGN(const auto commands, strings_of(object, "commands"));
    condition.by_command = !commands.empty();
    if (const auto annotations = object.find("annotations")) {
        TRY_ASSIGN(const auto patterns, annotations->object());
        for (const auto& member : patterns.members()) {
            TRY_ASSIGN(auto value, patterns.value_of(member).string());
            const std::string key(member.key);
            TRY(check_pattern(key));
            TRY(check_pattern(value));
            condition.annotations.emplace_back(key, std::move(value));
        }
    }
    return condition;
}

Result<void> read_hook(HookFile& file, const JsonObject& object) {
    const auto hook = object.find("hook");
    if (!hook) {
        return fail(Code::malformed_input, "hook is missing");
    }
    TRY_ASSIGN(const auto members, hook->object());
    TRY_ASSIGN(file.program, members.required_string("path"));
    TRY_ASSIGN(file.arguments, strings_of(members, "args"));
    if (const auto when = object.find("when")) {
        TRY_ASSIGN(const auto condition, when->object());
        TRY_ASSIGN(file.condition, read_condition(condition));
    }
    TRY_ASSIGN(file.stages, strings_of(object, "stages"));
    if (file.stages.empty()) {
        return fail(Code::malformed_input, "stages is missing");
    }
    for (const auto& stage : file.stages) {
        if (std::ranges::find(known_stages, stage) == known_stages.end()) {
            return fail(Code::malformed_input, "stages: " + in_quotes(stage) + " is no stage");
        }
    }
    return {};
}

Result<void> read_into(HookFile& file) {
    TRY_ASSIGN(const auto text, engines::read_text(file.path));
    if (!text) {
        return fail(Code::malformed_input, "is a symlink to nothing");
    }
    TRY_ASSIGN(const auto object, JsonObject::parse(*text, ""));
    TRY_ASSIGN(const auto version, object.required_string("version"));
    if (version != "1.0.0") {
        return fail(Code::malformed_input, "version is not 1.0.0");
    }
    return read_hook(file, object);
}

} // namespace

bool HookFile::is_ours() const {
    const auto program_name = program.substr(program.rfind('/') + 1);
    return program_name == "bulkhead-hook" ||
           (program.empty() && !problem.empty() && name().find("bulkhead") != std::string::npos);
}

HookFile read_hook_file(const std::string& path) {
    HookFile file;
    file.path = path;
    if (const auto read = read_into(file); !read) {
        file.problem = read.error().what;
    }
    return file;
}

HookFiles read_hook_files(const std::vector<std::string>& directories) {
    HookFiles files;
    for (const auto& directory : directories) {
        const auto paths =
            engines::files_in(directory, [](const std::string& name) { return name.ends_with(".json"); });
        if (!paths) {
            files.unreadable.push_back(directory + ": " + paths.error().what);
            continue;
        }
        for (const auto& path : *paths) {
            auto file = read_hook_file(path);
            const auto earlier = std::ranges::find(files.in_force, file.name(), &HookFile::name);
            if (earlier == files.in_force.end()) {
                files.in_force.push_back(std::move(file));
            } else if (earlier->path != path) {
                files.masked.emplace_back(std::exchange(*earlier, std::move(file)), path);
            }
        }
    }
    return files;
}

std::optional<bool> runs_for(const HookCondition& condition, std::string_view key, std::string_view value) {
    const bool has_any =
        condition.always || condition.has_bind_mounts || condition.by_command || !condition.annotations.empty();
    if (!has_any || condition.always == false || condition.by_command || condition.has_bind_mounts == true) {
        return false;
    }
    std::optional<bool> all = true;
    for (const auto& [key_pattern, value_pattern] : condition.annotations) {
        const auto key_matches = Pattern(key_pattern).matches(key);
        const auto value_matches = Pattern(value_pattern).matches(value);
        if (key_matches == false || value_matches == false) {
            return false;
        }
        if (!key_matches || !value_matches) {
            all = std::nullopt;
        }
    }
    return all;
}

} // namespace bulkhead::doctor
