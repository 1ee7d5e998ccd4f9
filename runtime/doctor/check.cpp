// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/check.h"

#include <algorithm>
#include <memory>

namespace bulkhead::doctor {

std::string_view name_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::ok:
        return "ok";
    case Verdict::warning:
        return "warning";
    case Verdict::failed:
        return "failed";
    case Verdict::skipped:
        return "skipped";
    }
    return "";
}

void Section::add(std::string_view link, std::string looked, Finding finding) {
    checks_.push_back({.id = std::string(engine_).append(".").append(link),
                       .engine = engine_,
                       .looked = std::move(looked),
                       .finding = std::move(finding)});
}

const Check* Section::find(std::string_view link) const {
    const auto found = std::ranges::find(checks_, std::string(engine_).append(".").append(link), &Check::id);
    return found == checks_.end() ? nullptr : std::to_address(found);
}

} // namespace bulkhead::doctor
