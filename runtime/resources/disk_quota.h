// SPDX-License-Identifier: Apache-2.0
// What the quotas of a layer's file system can do, and which limits to set there.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/units.h"
#include "runtime/policy/config.h"
#include "runtime/resources/disk_book.h"
#include "runtime/resources/layer.h"
#include "runtime/sys/quota.h"

#include <optional>
#include <string>
#include <vector>

namespace bulkhead::resources {

struct DiskRequest {
    std::optional<Bytes> size;
    std::optional<Count> inodes;
    std::optional<Count> most_inodes; // that a size may imply
    // Files outside of the layer that engines write for this container alone and bind into it (/etc/hosts): they count
    // where the config says so, and may carry the layer's id in any case. See own_files().
    std::vector<std::string> files;
    bool may_exceed_quotas = false; // see oci::Confinement
};

// Whether the quotas of the layer's file system can serve, and which of the many reasons it is where they cannot
// (Code::unsupported). Switches enforcement on where the config says so.
[[nodiscard]] Result<void> require_quota(const Layer& layer, const policy::DiskConfig& config);

// The limits to set: rounded up to blocks of the file system, with the inode limit that a size implies (empty files
// fill a disk too), and never looser than `found`.
[[nodiscard]] sys::QuotaLimits limits_for(const DiskRequest& request, const policy::DiskConfig& config,
                                          const sys::FilesystemSize& filesystem, const sys::Quota& found);

// Rounded up to blocks of the file system, within what the kernel takes.
[[nodiscard]] Bytes in_whole_blocks(Bytes size, const sys::FilesystemSize& filesystem);

// `limits`, its hard ones nowhere looser than those of `by`.
[[nodiscard]] sys::QuotaLimits tightened(sys::QuotaLimits limits, const sys::QuotaLimits& by);

// `now`, each limit that is still as `hold` set it put back to what was found; one that differs is somebody else's by
// now.
[[nodiscard]] sys::QuotaLimits without_ours(sys::QuotaLimits now, const DiskHold& hold);

} // namespace bulkhead::resources
