// SPDX-License-Identifier: Apache-2.0
// All limits of one container together: looked at, put up, taken down.
#pragma once

#include "hooks/report.h"
#include "runtime/base/error.h"
#include "runtime/ledger/receipt.h"
#include "runtime/policy/config.h"
#include "runtime/policy/plan.h"
#include "runtime/resources/cgroup.h"
#include "runtime/resources/container.h"
#include "runtime/resources/disk.h"
#include "runtime/resources/segments.h"
#include "runtime/resources/shm.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::hook {

// Where the config says `warn` for a resource, what cannot be had of it is left out, and the rest is put up all the
// same. What is not allowed, or not written as it must be, is an error in any case.
class Walls {
public:
    // Whether all of `plan` can be had. Nothing is limited yet; where a layer needs a project id it has one afterwards,
    // which take_down() takes back. `config` must outlive the walls.
    [[nodiscard]] static Result<Walls> prepare(const policy::Plan& plan, const policy::Config& config,
                                               const resources::Container& container, resources::DiskBook& book);

    // What is about to be done, for the receipt.
    void write_into(ledger::Receipt& receipt) const;
    [[nodiscard]] const std::vector<ledger::LeftOut>& left_out() const { return left_out_; }
    // Of the disk limit, once it is put up (resources::DiskLimit).
    [[nodiscard]] std::optional<std::string> disk_hole() const { return disk_ ? disk_->hole() : std::nullopt; }

    [[nodiscard]] Result<void> put_up(const resources::Container& container, resources::DiskBook& book,
                                      resources::SegmentBook& segments);
    // Takes back what was put up, in reverse; one failure hinders nothing else, the first is returned.
    [[nodiscard]] Result<void> take_down(resources::DiskBook& book, resources::SegmentBook& segments);

    // What an operator should know though nothing failed.
    void warn(const resources::Container& container, const Report& report) const;

private:
    [[nodiscard]] Result<void> prepare_all(const policy::Plan& plan, const resources::Container& container,
                                           resources::DiskBook& book);
    [[nodiscard]] Result<void> prepare_cgroup(const std::vector<oci::Setting>& settings,
                                              const resources::Container& container);
    [[nodiscard]] Result<void> prepare_disk(const policy::Plan& plan, const resources::Container& container,
                                            resources::DiskBook& book);
    [[nodiscard]] Result<void> put_up_disk(resources::DiskBook& book);
    [[nodiscard]] Result<void> tolerate(oci::Resource resource, Result<void> done);
    template <typename Undo>
    [[nodiscard]] Result<void> tolerate(oci::Resource resource, Result<void> done, Undo undo);

    const policy::Config* config_ = nullptr;
    resources::CgroupLimits cgroup_;
    std::optional<resources::Shm> shm_;
    std::optional<resources::DiskLimit> disk_;
    std::optional<resources::Segments> segments_;
    std::vector<oci::Setting> cgroup_asked_; // and had
    oci::Setting disk_asked_;                // of its two settings the first
    std::vector<ledger::LeftOut> left_out_;
    Result<void> not_taken_back_; // of a wall that was to be left out: there is no second try, the receipt must stay
};

} // namespace bulkhead::hook
