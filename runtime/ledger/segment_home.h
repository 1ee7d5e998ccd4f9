// SPDX-License-Identifier: Apache-2.0
// Where segments are:
//
//   STATE/segments                        mounted onto itself while there is a segment: what is mounted in it is only
//                                         seen in the node's mount table, and no bind of /run takes it along
//   STATE/segments/SCOPE/NAME             the segment's tmpfs; SCOPE is k8s/NAMESPACE, local or node
//   STATE/segments/SCOPE/NAME.members     who is a member, and what they agreed on: segment_members.h
//
// All of it, but for what is in a tmpfs, is root's alone.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/ledger/private_directory.h"
#include "runtime/policy/segments.h"
#include "runtime/sys/namespace.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::ledger {

// STATE/segments, in the mount namespace of PID 1, where this process is for as long as the value lives: an engine in a
// unit with mounts of its own mounts segments for the whole node all the same. Other processes of ours may be in it as
// well, and none of them takes it away meanwhile.
class SegmentHome {
public:
    [[nodiscard]] static Result<SegmentHome> open_or_make(const std::string& state_dir);
    // nullopt where it is not there.
    [[nodiscard]] static Result<std::optional<SegmentHome>> open(const std::string& state_dir);

    // STATE/segments/SCOPE. ENOENT: it is not there, or somebody took it away just now.
    [[nodiscard]] Result<UniqueFd> open_scope(const std::string& scope, IfMissing if_missing) const;
    // The scopes that are there; gc only.
    [[nodiscard]] Result<std::vector<std::string>> scopes() const;

    // Takes away the directories of a scope that nothing is left in.
    void remove_scope(const std::string& scope) const;
    // Takes away the home, where nothing is left in it and nobody is at work. Descriptors of what is in it must be
    // closed before.
    void tidy() &&;

private:
    SegmentHome() = default;
    [[nodiscard]] Result<void> enter(const std::string& state_dir, IfMissing if_missing);
    [[nodiscard]] Result<void> anchor();

    std::optional<sys::MountNamespaceVisit> visit_;
    UniqueFd state_; // locked: shared, but by whoever makes or removes the anchor
    UniqueFd segments_;
};

} // namespace bulkhead::ledger
