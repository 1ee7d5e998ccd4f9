// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/guard.h"

#include <algorithm>
#include <utility>

namespace bulkhead::policy {

namespace {

using oci::PidNamespace;

bool is_wanted(const GuardQuestion& question) {
    return question.mode != Guard::off &&
           (question.disk_limit || question.pod_has_disk_key || question.disk_default || question.beside_guarded);
}

bool names_disk(const oci::Annotation& annotation) {
    return annotation.key.starts_with("io.bulkhead.disk-"); // of whichever container of the pod
}

// Why there can be no filter.
std::optional<std::string> why_not(const GuardQuestion& question) {
    if (question.mode == Guard::off) {
        return "disk.guard is off in the node config";
    }
    if (!question.there_is_one) {
        return "it does not run behind the guard of bulkhead-runtime";
    }
    if (question.restore) {
        return "a restored container cannot run behind the guard";
    }
    if (!question.confinement.user_namespace && !question.confinement.unbounded_by.empty()) {
        return "it may have " + question.confinement.unbounded_by;
    }
    return std::nullopt;
}

// Whether processes that are not guarded are in its pid namespace, and can be traced by it or trace it. From inside of
// a user namespace nobody outside can be traced (cap_ptrace_access_check(), security/commoncap.c); but the root of the
// node, without any capability, has all of them in a user namespace that it made.
std::optional<std::string> way_by_others(const GuardQuestion& question) {
    const auto& confinement = question.confinement;
    if (confinement.pid == PidNamespace::host && !confinement.user_namespace) {
        return "it is in the host's pid namespace, and so are processes that are not guarded";
    }
    if (confinement.pid == PidNamespace::joined && !question.pid_owner_guarded.value_or(false) &&
        !confinement.pid_owner_in_user_namespace) {
        return "it shares its pid namespace with a container that is not known to be guarded";
    }
    return std::nullopt;
}

// Why one that is behind the filter can still get out, by another process or past the file system.
std::optional<std::string> way_around(const GuardQuestion& question) {
    if (auto way = way_by_others(question)) {
        return way;
    }
    const auto& confinement = question.confinement;
    // In a user namespace the disks' nodes are the node's, for their owners to open.
    const bool opens_disks = !confinement.user_namespace || confinement.maps_system_ids;
    if (confinement.may_write_block_device && opens_disks) {
        return "it may write to a block device";
    }
    return std::nullopt;
}

} // namespace

GuardQuestion guard_question(const Config& config, const oci::Spec& spec, oci::Confinement confinement) {
    GuardQuestion question;
    question.mode = config.disk.guard;
    question.confinement = std::move(confinement);
    question.pod_has_disk_key = std::ranges::any_of(spec.annotations, names_disk);
    question.disk_default = config.has_disk_defaults();
    return question;
}

GuardVerdict judge_guard(const GuardQuestion& question) {
    const auto obstacle = why_not(question);
    GuardVerdict verdict{.put_up = is_wanted(question) && !obstacle, .escapable = {}};
    if (question.disk_limit) {
        // In a user namespace the kernel itself refuses a change of the project id, guard or not
        // (fileattr_set_prepare(), fs/file_attr.c), and capabilities are none outside.
        const bool held_by_kernel = question.confinement.user_namespace;
        verdict.escapable = obstacle && !held_by_kernel ? obstacle : way_around(question);
    }
    return verdict;
}

Result<void> check_guard(const Plan& plan, const DiskConfig& disk, const std::optional<std::string>& escapable) {
    if (!plan.disk() || disk.accounting_only || disk.guard != Guard::require || !escapable) {
        return {};
    }
    return plan.disk_setting().refuse(Code::not_allowed, "the node config requires that nobody can take a disk limit "
                                                         "off (disk.guard), and this container could: " +
                                                             *escapable);
}

} // namespace bulkhead::policy
