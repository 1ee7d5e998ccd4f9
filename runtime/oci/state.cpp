// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/state.h"

#include "runtime/oci/json.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace bulkhead::oci {

namespace {

constexpr std::size_t longest_id = 255; // NAME_MAX

bool is_id_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '+' || c == '-';
}

Result<std::string> read_id(const JsonObject& state) {
    TRY_ASSIGN(auto id, state.required_string("id"));
    if (!is_container_id(id)) {
        return fail(Code::malformed_input,
                    "id " + in_quotes(id) + " is not a container id (1 to 255 of letters, digits and _.+-)");
    }
    return id;
}

Status to_status(std::string_view word) {
    constexpr std::array<std::pair<std::string_view, Status>, 4> words{{{"creating", Status::creating},
                                                                        {"created", Status::created},
                                                                        {"running", Status::running},
                                                                        {"stopped", Status::stopped}}};
    const auto* const found = std::ranges::find(words, word, &std::pair<std::string_view, Status>::first);
    return found == words.end() ? Status::other : found->second;
}

Result<std::optional<pid_t>> read_pid(const JsonObject& state) {
    const auto value = state.find("pid");
    if (!value) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto pid, value->integer());
    if (pid < 0 || pid > std::numeric_limits<pid_t>::max()) {
        return fail(Code::malformed_input, "pid " + std::to_string(pid) + " is not a process id");
    }
    return pid == 0 ? std::nullopt : std::optional(static_cast<pid_t>(pid));
}

Result<std::string> read_bundle(const JsonObject& state) {
    TRY_ASSIGN(auto bundle, state.required_string("bundle"));
    if (!bundle.starts_with('/')) {
        return fail(Code::malformed_input, "bundle " + in_quotes(bundle) + " is not an absolute path");
    }
    while (bundle.size() > 1 && bundle.ends_with('/')) {
        bundle.pop_back();
    }
    return bundle;
}

} // namespace

bool is_container_id(std::string_view id) {
    const bool dots = id == "." || id == "..";
    return !id.empty() && !dots && id.size() <= longest_id && std::ranges::all_of(id, is_id_character);
}

Result<State> parse_state(std::string_view text) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    State state;
    TRY_ASSIGN(state.id, read_id(object));
    TRY_ASSIGN(const auto status, object.required_string("status"));
    state.status = to_status(status);
    TRY_ASSIGN(state.pid, read_pid(object));
    TRY_ASSIGN(state.bundle, read_bundle(object));
    return state;
}

} // namespace bulkhead::oci
