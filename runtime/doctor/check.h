// SPDX-License-Identifier: Apache-2.0
// One link of the chain between what a container asks for and the kernel's limit: what was looked at, and what is wrong
// with it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::doctor {

enum class Verdict {
    ok,
    warning, // it works, and less of it than there could be
    failed,  // somebody has less of a wall than he thinks, or no container
    skipped, // there is no such thing on this node
};
[[nodiscard]] std::string_view name_of(Verdict verdict);

struct Finding {
    Verdict verdict = Verdict::ok;
    std::string reason; // empty where it is ok
    std::string mend;   // the command or edit that mends it; of warnings and failures
};

[[nodiscard]] inline Finding well() { return {}; }
[[nodiscard]] inline Finding warning(std::string reason, std::string mend) {
    return {.verdict = Verdict::warning, .reason = std::move(reason), .mend = std::move(mend)};
}
[[nodiscard]] inline Finding failed(std::string reason, std::string mend) {
    return {.verdict = Verdict::failed, .reason = std::move(reason), .mend = std::move(mend)};
}
[[nodiscard]] inline Finding skipped(std::string reason) {
    return {.verdict = Verdict::skipped, .reason = std::move(reason), .mend = ""};
}

struct Check {
    std::string id;     // "podman.hooks-d.binary"; the same in every version
    std::string engine; // "podman"; "node" of what is no engine's
    std::string looked; // at what
    Finding finding;
};

// The checks of one engine, or of the node.
class Section {
public:
    Section(std::vector<Check>& checks, std::string_view engine) : checks_(checks), engine_(engine) {}

    [[nodiscard]] const std::string& engine() const { return engine_; }
    void add(std::string_view link, std::string looked, Finding finding);
    [[nodiscard]] const Check* find(std::string_view link) const; // nullptr where there is none

private:
    std::vector<Check>& checks_;
    std::string engine_;
};

} // namespace bulkhead::doctor
