// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/configure_output.h"

#include "runtime/base/line.h"
#include "runtime/base/unified_diff.h"
#include "runtime/cli/output.h"
#include "runtime/engines/engine_config.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace bulkhead::cli {

using engines::ConfigureOutcome;
using engines::ConfigureRequest;
using engines::FileEdit;

namespace {

// Tabs, UTF-8 and the carriage return at a line's end stay.
void make_harmless(std::string& text) {
    for (std::size_t each = 0; each < text.size(); ++each) {
        const auto byte = static_cast<unsigned char>(text[each]);
        const auto next = each + 1 < text.size() ? static_cast<unsigned char>(text[each + 1]) : 0U;
        const bool c1 = byte == 0xC2U && (next & 0xE0U) == 0x80U;
        const bool ends_line = byte == '\n' || (byte == '\r' && next == '\n');
        if ((byte < ' ' && byte != '\t' && !ends_line) || byte == 0x7FU || c1) {
            text[each] = '?';
        }
    }
}

std::string diff_of(const FileEdit& edit) { return unified_diff(edit.path, edit.before, edit.after); }

std::string_view action_of(const FileEdit& edit) {
    return !edit.changes() ? "none" : !edit.before ? "create" : !edit.after ? "delete" : "edit";
}

std::string next_of(const ConfigureOutcome& outcome) {
    return !outcome.changes()     ? "nothing to do"
           : outcome.next.empty() ? "there is nothing to restart"
                                  : "now run: " + outcome.next;
}

} // namespace

std::string summary_of(const ConfigureOutcome& outcome) {
    std::string text;
    for (const auto& edit : outcome.edits) {
        if (edit.changes()) {
            const auto* const verb = !edit.after ? "removed" : !edit.before ? "wrote" : "changed";
            text += printable(fmt::format("{} {}", verb, edit.path)) + "\n";
        }
    }
    return text + printable(next_of(outcome)) + "\n";
}

std::string patch_of(const ConfigureOutcome& outcome) {
    std::string text;
    for (const auto& edit : outcome.edits) {
        text += diff_of(edit);
    }
    make_harmless(text);
    return text;
}

nlohmann::ordered_json json_of(const ConfigureOutcome& outcome, const ConfigureRequest& request) {
    auto files = nlohmann::ordered_json::array();
    for (const auto& edit : outcome.edits) {
        files.push_back({{"path", edit.path}, {"action", action_of(edit)}, {"diff", diff_of(edit)}});
    }
    return {{"schemaVersion", schema_version},
            {"engine", name_of(request.engine)},
            {"dryRun", request.dry_run},
            {"changed", outcome.changes()},
            {"files", std::move(files)},
            {"notes", outcome.notes},
            {"next", outcome.changes() ? outcome.next : ""}};
}

} // namespace bulkhead::cli
