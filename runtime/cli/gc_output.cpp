// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/gc_output.h"

#include "runtime/cli/output.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

using ledger::GcItem;

namespace {

const char* word_for(GcItem::Outcome outcome) {
    switch (outcome) {
    case GcItem::Outcome::released:
        return "released";
    case GcItem::Outcome::forgotten:
        return "forgotten";
    case GcItem::Outcome::kept:
        return "kept";
    case GcItem::Outcome::failed:
        return "failed";
    }
    return "";
}

const char* word_for(GcItem::Kind kind) {
    switch (kind) {
    case GcItem::Kind::receipt:
        return "receipt";
    case GcItem::Kind::disk_record:
        return "diskRecord";
    case GcItem::Kind::segment:
        return "segment";
    }
    return "";
}

} // namespace

std::vector<std::string> lines_of(const std::vector<GcItem>& items, bool dry_run) {
    std::vector<std::string> lines;
    for (const auto& item : items) {
        const bool would_be = dry_run && item.outcome == GcItem::Outcome::released;
        lines.push_back(fmt::format("{}{} {}{}{}{}{}", would_be ? "to be " : "", word_for(item.outcome), item.name,
                                    item.container.empty() ? "" : " of ", item.container, item.why.empty() ? "" : ": ",
                                    item.why));
    }
    return lines;
}

nlohmann::ordered_json json_of(const std::vector<GcItem>& items, bool dry_run) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& item : items) {
        list.push_back({{"kind", word_for(item.kind)},
                        {"outcome", word_for(item.outcome)},
                        {"container", item.container},
                        {"name", item.name},
                        {"reason", item.why}});
    }
    return {{"schemaVersion", schema_version}, {"dryRun", dry_run}, {"items", std::move(list)}};
}

} // namespace bulkhead::cli
