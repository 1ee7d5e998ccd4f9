// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/doctor_output.h"

#include "runtime/base/line.h"
#include "runtime/cli/output.h"
#include "runtime/cli/tone.h"
#include "runtime/doctor/doctor.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

using doctor::Check;
using doctor::Verdict;

namespace {

std::string summary_of(const std::vector<Check>& checks) {
    const auto count = [&](Verdict verdict) {
        return std::ranges::count_if(checks, [&](const Check& check) { return check.finding.verdict == verdict; });
    };
    return fmt::format("{} ok, {} warnings, {} failed, {} skipped", count(Verdict::ok), count(Verdict::warning),
                       count(Verdict::failed), count(Verdict::skipped));
}

Tone tone_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::ok:
        return Tone::plain;
    case Verdict::warning:
        return Tone::warning;
    case Verdict::failed:
        return Tone::bad;
    case Verdict::skipped:
        return Tone::dim;
    }
    return Tone::plain;
}

void add_check(std::vector<std::string>& lines, const Check& check, bool verbose, bool colours) {
    const auto& [verdict, reason, mend] = check.finding;
    const auto link = check.id.substr(check.engine.size() + 1);
    const auto& text = reason.empty() && verbose ? check.looked : reason;
    const auto word = painted(fmt::format("{:<8}", name_of(verdict)), tone_of(verdict), colours);
    lines.push_back(fmt::format("  {} {:<{}}{}", word, link, text.empty() ? 0 : 20, printable(text)));
    if (verbose && !reason.empty()) {
        lines.push_back("           looked at: " + printable(check.looked));
    }
    if (!mend.empty()) {
        lines.push_back("           mend: " + printable(mend));
    }
}

} // namespace

std::vector<std::string> lines_of(const std::vector<Check>& checks, bool verbose, bool colours) {
    std::vector<std::string> lines;
    std::string engine;
    for (const auto& check : checks) {
        if (check.engine != engine) {
            engine = check.engine;
            lines.push_back(engine);
        }
        add_check(lines, check, verbose, colours);
    }
    lines.push_back(summary_of(checks));
    return lines;
}

nlohmann::ordered_json json_of(const std::vector<Check>& checks) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& check : checks) {
        list.push_back({{"id", check.id},
                        {"engine", check.engine},
                        {"looked", check.looked},
                        {"verdict", name_of(check.finding.verdict)},
                        {"reason", check.finding.reason},
                        {"mend", check.finding.mend}});
    }
    return {{"schemaVersion", schema_version}, {"checks", std::move(list)}, {"healthy", is_healthy(checks)}};
}

} // namespace bulkhead::cli
