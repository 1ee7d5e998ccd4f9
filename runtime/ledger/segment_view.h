// SPDX-License-Identifier: Apache-2.0
// The segments of the node, for who only looks.
#pragma once

#include "runtime/base/error.h"
#include "runtime/policy/segments.h"
#include "runtime/resources/segment_tmpfs.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/procfs.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::ledger {

struct SegmentView {
    policy::SegmentPlace place;
    std::optional<sys::TmpfsUse> use;             // nullopt: nothing is mounted there, or not yet
    std::optional<resources::SegmentTerms> terms; // nullopt: they cannot be read
    std::vector<sys::ProcessIdentity> members;    // that live
    [[nodiscard]] bool kept() const { return terms && terms->keep; }
};

// All of them at this moment, without waiting for who is at work on one. It hinders nobody, and looks where segments
// are mounted, in PID 1's mount namespace. One that cannot be read is an error in its place.
[[nodiscard]] Result<std::vector<Result<SegmentView>>> view_segments(const std::string& state_dir);

} // namespace bulkhead::ledger
