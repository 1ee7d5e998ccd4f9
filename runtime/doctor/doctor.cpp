// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/doctor.h"

#include "runtime/doctor/engine_checks.h"
#include "runtime/doctor/live.h"
#include "runtime/doctor/node_checks.h"

#include <algorithm>

namespace bulkhead::doctor {

std::vector<Check> examine(const Question& question) {
    std::vector<Check> checks;
    const auto node = look_at_node(question);
    Section section(checks, "node");
    check_installation(section, node);
    check_kernel(section, node);
    check_live(section, node);
    for (const auto& engine : node.engines) {
        Section engines_section(checks, name_of(engine.engine));
        check_engine(engines_section, node, engine);
    }
    return checks;
}

bool is_healthy(const std::vector<Check>& checks) {
    return std::ranges::none_of(checks, [](const Check& check) { return check.finding.verdict == Verdict::failed; });
}

} // namespace bulkhead::doctor
