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

namespace bulkhead::hook {

class Walls {
public:
    // Whether all of `plan` can be had. Nothing is limited yet; where a layer needs a project id it has one afterwards,
    // which take_down() takes back.
    [[nodiscard]] static Result<Walls> prepare(const policy::Plan& plan, const policy::DiskConfig& config,
                                               const resources::Container& container, resources::DiskBook& book);

    // What is about to be done, for the receipt.
    void write_into(ledger::Receipt& receipt) const;

    [[nodiscard]] Result<void> put_up(const resources::Container& container, resources::DiskBook& book,
                                      resources::SegmentBook& segments);
    // Takes back what was put up, in reverse; one failure hinders nothing else, the first is returned.
    [[nodiscard]] Result<void> take_down(resources::DiskBook& book, resources::SegmentBook& segments);

    // What an operator should know though nothing failed.
    void warn(const resources::Container& container, const Report& report) const;

private:
    resources::CgroupLimits cgroup_;
    std::optional<resources::Shm> shm_;
    std::optional<resources::DiskLimit> disk_;
    std::optional<resources::Segments> segments_;
    oci::Setting disk_asked_; // of its two settings the first
};

} // namespace bulkhead::hook
