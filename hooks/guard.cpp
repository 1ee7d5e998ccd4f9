// SPDX-License-Identifier: Apache-2.0
#include "hooks/guard.h"

#include "runtime/ledger/pid_neighbours.h"
#include "runtime/oci/confinement.h"
#include "runtime/policy/guard.h"
#include "runtime/sys/project.h"

namespace bulkhead::hook {

namespace {

Result<ledger::GuardRecord> judge(const GuardSubject& subject, bool guarded, const std::string& state_dir) {
    TRY_ASSIGN(auto confinement, oci::read_confinement(subject.config));
    const auto neighbours = ledger::pid_neighbours(confinement, state_dir);
    auto question = policy::guard_question(subject.outlook.config, subject.spec, std::move(confinement));
    question.there_is_one = guarded;
    question.disk_limit = true;
    question.pid_owner_guarded = ledger::all_guarded(neighbours);
    return ledger::GuardRecord{.put_up = guarded, .escapable = policy::judge_guard(question).escapable.value_or("")};
}

// Of the same limit: the config may have changed since.
bool is_the_shims(const std::optional<ledger::Receipt>& prepared, bool guarded) {
    return prepared && prepared->disk && prepared->guard && prepared->guard->put_up == guarded;
}

} // namespace

Result<std::optional<ledger::GuardRecord>> look_at_guard(const GuardSubject& subject, const std::string& state_dir) {
    const auto& [config, plan] = subject.outlook;
    if (!plan.disk()) {
        return subject.prepared ? subject.prepared->guard : std::nullopt;
    }
    const bool guarded = sys::labels_are_guarded();
    TRY_ASSIGN(auto record,
               is_the_shims(subject.prepared, guarded) ? *subject.prepared->guard : judge(subject, guarded, state_dir));
    TRY(policy::check_guard(plan, config.disk,
                            record.escapable.empty() ? std::nullopt : std::optional(record.escapable)));
    return record;
}

} // namespace bulkhead::hook
