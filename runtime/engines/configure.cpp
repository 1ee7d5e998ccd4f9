// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/configure.h"

#include "runtime/engines/config_file.h"
#include "runtime/engines/plan_parts.h"
#include "runtime/engines/records.h"

#include <algorithm>

namespace bulkhead::engines {

namespace {

std::string next_command(Engine engine, bool remove) {
    switch (engine) {
    case Engine::crio:
        return "systemctl restart crio";
    case Engine::containerd:
        return "systemctl restart containerd";
    case Engine::docker:
        // What is merely taken out of daemon.json dockerd keeps at a reload.
        return remove ? "systemctl restart docker" : "systemctl reload docker";
    case Engine::podman:
        return ""; // it reads its config at each command
    }
    return "";
}

// Nobody has changed the file since we wrote it.
bool is_as_written(const Record* record, const FileEdit& edit) {
    return record != nullptr && record->after == edit.before;
}

// What nobody has changed since becomes what it was, to the byte.
void restore_bytes(Plan& plan, const Records& records) {
    for (auto& edit : plan.edits) {
        const auto* const record = records.find(edit.path);
        if (is_as_written(record, edit)) {
            edit.after = record->before;
        }
    }
}

// The text that the file is to be again some day.
std::optional<std::string> text_before_us(const FileEdit& edit, const Records& records, const Question& question) {
    const auto* const record = records.find(edit.path);
    if (is_as_written(record, edit)) {
        return record->before;
    }
    if (record == nullptr) {
        return edit.before;
    }
    // Somebody has changed it: what he wrote is kept, what is ours is not.
    const auto removal = plan_removal(question);
    if (removal) {
        for (const auto& each : removal->edits) {
            if (each.path == edit.path) {
                return each.after;
            }
        }
    }
    return edit.before;
}

// Killed at any point, or between any two, configure or --remove is done by the next --remove.
Result<void> write(const FileEdit& edit, Records& records, const Question& question) {
    const auto* const record = records.find(edit.path);
    const bool made_before = record != nullptr && record->made_directory;
    // First: a file that is changed and nothing is known of could not be changed back.
    TRY(records.put({.path = edit.path,
                     .before = text_before_us(edit, records, question),
                     .after = edit.after,
                     .made_directory = made_before || lacks_directory(edit.path)}));
    return write_config(edit.path, edit.after);
}

Result<void> take_out(const FileEdit& edit, Records& records) {
    if (edit.changes()) {
        TRY(write_config(edit.path, edit.after));
    }
    if (const auto* const record = records.find(edit.path)) {
        remove_leftover_of(edit.path);
        if (record->made_directory) {
            remove_empty_directory_of(edit.path);
        }
    }
    return records.forget(edit.path);
}

void note_removal(ConfigureOutcome& outcome, Engine engine) {
    if (engine != Engine::podman && outcome.changes()) {
        outcome.notes.emplace_back(
            "containers that were made with the runtime \"bulkhead\" still call bulkhead-runtime: "
            "see bulkhead(1)");
    }
}

} // namespace

bool ConfigureOutcome::changes() const { return std::ranges::any_of(edits, &FileEdit::changes); }

Result<ConfigureOutcome> configure(const ConfigureRequest& request, const Node& node, const std::string& base) {
    TRY_ASSIGN(auto records, Records::open(base, request.engine, request.dry_run ? Access::read : Access::write));
    Question question{.engine = request.engine,
                      .main = request.main,
                      .make_default = request.make_default,
                      .before_us = [&records](const std::string& path) {
                          const auto* const record = records.find(path);
                          return record == nullptr ? std::nullopt : std::optional(record->before);
                      }};
    TRY_ASSIGN(auto plan, request.remove ? plan_removal(question) : plan_configure(question, node));
    if (request.remove) {
        restore_bytes(plan, records);
    }
    for (const auto& edit : plan.edits) {
        if (edit.changes()) {
            TRY(require_writable(edit.path));
        }
    }
    ConfigureOutcome outcome{.edits = std::move(plan.edits),
                             .notes = std::move(plan.notes),
                             .next = next_command(request.engine, request.remove)};
    for (const auto& edit : outcome.edits) {
        if (!request.dry_run && request.remove) {
            TRY(take_out(edit, records));
        } else if (!request.dry_run && edit.changes()) {
            TRY(write(edit, records, question));
        }
    }
    if (request.remove) {
        note_removal(outcome, request.engine);
    }
    return outcome;
}

} // namespace bulkhead::engines
