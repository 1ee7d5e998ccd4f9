// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/doctor_output.h"

#include "runtime/cli/output.h"
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

void add_check(std::vector<std::string>& lines, const Check& check, bool verbose) {
    const auto& [verdict, reason, mend] = check.finding;
    const auto link = check.id.substr(check.engine.size() + 1);
    const auto& text = reason.empty() && verbose ? check.looked : reason;
    lines.push_back(fmt::format("  {:<8} {:<{}}{}", name_of(verdict), link, text.empty() ? 0 : 20, text));
    if (verbose && !reason.empty()) {
        lines.push_back("           looked at: " + check.looked);
    }
    if (!mend.empty()) {
        lines.push_back("           mend: " + mend);
    }
}

} // namespace

std::vector<std::string> lines_of(const std::vector<Check>& checks, bool verbose) {
    std::vector<std::string> lines;
    std::string engine;
    for (const auto& check : checks) {
        if (check.engine != engine) {
            engine = check.engine;
            lines.push_back(engine);
        }
        add_check(lines, check, verbose);
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
