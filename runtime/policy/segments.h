// SPDX-License-Identifier: Apache-2.0
// Which segment a container means, and what it may have of it. Pure, as plan.h is.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/request.h"
#include "runtime/policy/allowance.h"
#include "runtime/policy/config.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::policy {

// A segment's name and who shares it: the pods of a namespace, the containers outside of Kubernetes, or, where it is
// declared in the node config, those that this allows.
struct SegmentPlace {
    std::string scope; // "k8s/NAMESPACE", "local" or "node"
    std::string name;

    // "local/NAME": its path below STATE/segments.
    [[nodiscard]] std::string path() const { return scope + "/" + name; }
    bool operator==(const SegmentPlace&) const = default;
};

// The place that path() is of; nullopt where it is none's.
[[nodiscard]] std::optional<SegmentPlace> parse_segment_place(std::string_view path);

struct SegmentPlan {
    oci::SegmentSetting asked;
    SegmentPlace place;
    std::optional<Bytes> size;    // to be made with, or grown to
    bool declared_size = false;   // that is the operator's
    std::optional<Count> inodes;  // as asked
    bool keep = false;            // when the last member has gone
    bool shapes = true;           // what it says of mode, owner and so on counts; not from a reader of a declared one
    std::optional<Maximum> total; // of all segments of its scope; the node's own have none
};

// The segments of `request`, each within what the node allows; no exec without a declaration that says so. What a
// declared one's size exceeds of a configured maximum is cut off. Code::not_allowed for what the node does not allow,
// Code::invalid_annotation for paths that do not go together, Code::malformed_input where the pod's namespace is not
// known.
[[nodiscard]] Result<std::vector<SegmentPlan>> plan_segments(const oci::Request& request,
                                                             const std::vector<DeclaredSegment>& declared,
                                                             const Allowance& allowance, const oci::Engine& engine,
                                                             Bytes ram);

} // namespace bulkhead::policy
