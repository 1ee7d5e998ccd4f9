// SPDX-License-Identifier: Apache-2.0
// A hard limit on the bytes and inodes of a container's writable layer: a project quota of the XFS or ext4 that the
// upper directory of its overlay lies on.
//
// In steps, so that the shim can take them before there is a container: prepare() finds the layer and gets it a project
// id, proven through the mounted root, apply() labels what is in it and sets the limits.
#pragma once

#include "runtime/base/error.h"
#include "runtime/oci/spec.h"
#include "runtime/policy/config.h"
#include "runtime/policy/plan.h"
#include "runtime/resources/disk_book.h"
#include "runtime/resources/disk_quota.h"
#include "runtime/resources/layer.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::resources {

// Of the sources of a container's bind mounts those that can only be its own: a directory of the path is its id, one as
// long as engines make them. A short one, chosen by hand, could be a directory's name like any other.
[[nodiscard]] std::vector<std::string> own_files(const std::vector<std::string>& binds, const std::string& id);

// What `plan` limits of the layer of the container `id`, whose config.json is `spec`.
[[nodiscard]] DiskRequest disk_request(const policy::Plan& plan, const oci::Spec& spec, const std::string& id);

class DiskLimit {
public:
    // Writes no limit; what it changes is the label of the upper directory itself, where its id was not its own. While
    // the object lives no other process of ours has the layer.
    [[nodiscard]] static Result<DiskLimit> prepare(Layer layer, const DiskRequest& request,
                                                   const policy::DiskConfig& config, DiskBook& book);

    [[nodiscard]] const DiskHold& record() const { return hold_; } // its limits are known after apply()
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
    // After apply(): why something that is written to the layer may not be counted, or be let past the limit; nullopt:
    // nothing is.
    [[nodiscard]] std::optional<std::string> hole() const;

    // Labels what is in the layer, then sets the limits, which the book has on disk before. Code::busy where the layer
    // holds more already.
    [[nodiscard]] Result<void> apply(DiskBook& book);
    // Takes it all back, as far as it can; the first error otherwise. Behind the shim's guard the labels stay: without
    // a limit, and until the engine removes the layer.
    [[nodiscard]] Result<void> undo(DiskBook& book);

private:
    DiskLimit(Layer layer, DiskRequest request, const policy::DiskConfig& config)
        : layer_(std::move(layer)), request_(std::move(request)), config_(config) {}

    [[nodiscard]] Result<void> take_id(DiskBook& book);
    [[nodiscard]] Result<void> find_limits(DiskBook& book);
    [[nodiscard]] Result<void> keep_engines_limits(DiskBook& book);
    [[nodiscard]] Result<void> require_same_layer() const;
    [[nodiscard]] Result<void> label_all();
    [[nodiscard]] Result<void> label_layer();
    [[nodiscard]] Result<void> label_files();
    [[nodiscard]] Bytes may_hold(Bytes size) const;
    [[nodiscard]] Result<void> take_off_old_limits();
    [[nodiscard]] Result<void> require_room(const sys::Quota& quota) const;
    [[nodiscard]] Result<void> unlabel_all() const;

    Layer layer_;
    DiskRequest request_;
    policy::DiskConfig config_;
    DiskHold hold_;
    bool claimed_ = false; // the id was not the layer's own
    bool told_ = false;
    bool walked_ = true;
    bool limited_ = false;   // what is there is not what was found: ours, or left of ours by an earlier run
    sys::QuotaLimits there_; // what the kernel has
    sys::ProjectLabel upper_before_;
    sys::ProjectLabel work_before_;
    std::vector<UniqueFd> labelled_files_;
    std::vector<std::string> notes_;
};

} // namespace bulkhead::resources
