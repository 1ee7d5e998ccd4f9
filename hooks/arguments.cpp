// SPDX-License-Identifier: Apache-2.0
#include "hooks/arguments.h"

namespace bulkhead::hook {

namespace {

constexpr std::string_view usage = "; usage: bulkhead-hook [--config FILE] [--state-dir DIR] [createRuntime|poststop]";

std::optional<Stage> to_stage(std::string_view word) {
    if (word == "createRuntime" || word == "prestart") {
        return Stage::create_runtime;
    }
    return word == "poststop" ? std::optional(Stage::poststop) : std::nullopt;
}

std::unexpected<Error> bad(std::string what) { return fail(Code::bad_config, std::move(what.append(usage))); }

} // namespace

std::string_view name_of(Stage stage) { return stage == Stage::poststop ? "poststop" : "createRuntime"; }

Result<Arguments> parse_arguments(std::span<char*> arguments) {
    Arguments parsed;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const std::string_view word = arguments[i];
        const bool config = word == "--config";
        if (config || word == "--state-dir") {
            ++i;
            if (i == arguments.size() || arguments[i][0] != '/') {
                return bad(std::string(word) + " needs an absolute path");
            }
            (config ? parsed.config : parsed.state_dir) = arguments[i];
            continue;
        }
        const auto stage = to_stage(word);
        if (!stage || parsed.stage) {
            return bad("unexpected argument " + in_quotes(word));
        }
        parsed.stage = stage;
    }
    return parsed;
}

} // namespace bulkhead::hook
