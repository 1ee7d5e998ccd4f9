// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/disk_quota.h"

#include <algorithm>
#include <cerrno>
#include <limits>

namespace bulkhead::resources {

namespace {

using sys::FilesystemType;
using sys::QuotaLimits;
using sys::QuotaState;

std::unexpected<Error> unsupported(std::string what) { return fail(Code::unsupported, std::move(what)); }

std::string type_name(FilesystemType type) { return type == FilesystemType::xfs ? "XFS" : "ext4"; }

// An ext4 without the feature refuses any id but 0, so one is tried, and taken back. Only asked when there is no quota.
Result<bool> knows_project_ids(const Layer& layer) {
    TRY_ASSIGN(const auto before, sys::project_label(layer.upper()));
    const auto tried = sys::set_project_label(layer.upper(), {.id = 1, .inherit = before.inherit});
    if (!tried) {
        return tried.error().number == EOPNOTSUPP ? Result<bool>(false) : std::unexpected(tried.error());
    }
    TRY(sys::set_project_label(layer.upper(), before));
    return true;
}

Result<void> explain_off(const Layer& layer) {
    if (layer.size().type == FilesystemType::ext4) {
        TRY_ASSIGN(const auto known, knows_project_ids(layer));
        if (!known) {
            return unsupported("the ext4 that holds " + layer.upper_path() +
                               " lacks the project feature; unmount it and run tune2fs -O project,quota on it");
        }
    }
    return unsupported("the " + type_name(layer.size().type) + " that holds " + layer.upper_path() +
                       " is mounted without project quotas; mount it with the option prjquota (a remount is not "
                       "enough on XFS; for a root file system rootflags=prjquota)");
}

Result<void> explain_accounting(const Layer& layer, const policy::DiskConfig& config) {
    if (config.enable_enforcement) {
        return sys::enforce_quota(layer.upper());
    }
    if (config.accounting_only) {
        return {};
    }
    return unsupported("the " + type_name(layer.size().type) + " that holds " + layer.upper_path() +
                       " counts project quotas and enforces none; mount it with prjquota, or set "
                       "disk.enable-enforcement in the node config");
}

// XFS makes inodes as it needs them, in blocks of files' space; ext4 has a fixed number, so a size gets its share.
Count implied_inodes(Bytes size, const sys::FilesystemSize& filesystem) {
    constexpr std::uint64_t bytes_per_inode = 4096;
    constexpr std::uint64_t least = 1024;
    auto inodes = size.value / bytes_per_inode;
    if (filesystem.type == FilesystemType::ext4 && filesystem.bytes.value != 0) {
        const auto share = static_cast<double>(filesystem.inodes.value) / static_cast<double>(filesystem.bytes.value);
        inodes = static_cast<std::uint64_t>(static_cast<double>(size.value) * share);
    }
    return Count{std::max(inodes, least)};
}

// 0 is no limit, so it is the loosest.
std::uint64_t tighter(std::uint64_t a, std::uint64_t b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

// A soft limit stays where it is, or comes down to the hard one.
std::uint64_t soft_below(std::uint64_t soft, std::uint64_t hard) { return hard == 0 ? soft : std::min(soft, hard); }

QuotaLimits with_soft_below_hard(QuotaLimits limits) {
    limits.soft_bytes.value = soft_below(limits.soft_bytes.value, limits.hard_bytes.value);
    limits.soft_inodes.value = soft_below(limits.soft_inodes.value, limits.hard_inodes.value);
    return limits;
}

} // namespace

Result<void> require_quota(const Layer& layer, const policy::DiskConfig& config) {
    if (layer.size().type == FilesystemType::other) {
        return unsupported("the writable layer (" + layer.upper_path() +
                           ") is not on XFS or ext4; a disk limit needs one of them, with project quotas");
    }
    TRY_ASSIGN(const auto state, sys::quota_state(layer.upper()));
    switch (state) {
    case QuotaState::no_kernel_support:
        return unsupported("the kernel has no quota for " + type_name(layer.size().type) +
                           " (CONFIG_XFS_QUOTA, CONFIG_QUOTA); run one that has");
    case QuotaState::off:
        return explain_off(layer);
    case QuotaState::accounting:
        return explain_accounting(layer, config);
    case QuotaState::enforcing:
        break;
    }
    return {};
}

QuotaLimits limits_for(const DiskRequest& request, const policy::DiskConfig& config,
                       const sys::FilesystemSize& filesystem, const sys::Quota& found) {
    auto limits = found.limits;
    auto inodes = request.inodes;
    if (request.size) {
        limits.hard_bytes.value = tighter(limits.hard_bytes.value, in_whole_blocks(*request.size, filesystem).value);
        if (!inodes && config.implied_inodes) {
            const auto implied = implied_inodes(*request.size, filesystem);
            inodes = std::max(std::min(implied, request.most_inodes.value_or(implied)), found.used_inodes);
        }
    }
    if (inodes) {
        limits.hard_inodes.value = tighter(limits.hard_inodes.value, inodes->value);
    }
    return with_soft_below_hard(limits);
}

Bytes in_whole_blocks(Bytes size, const sys::FilesystemSize& filesystem) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max(); // ext4 refuses 2^63
    const auto block = filesystem.block.value;
    const auto blocks = (size.value / block) + (size.value % block != 0 ? 1 : 0);
    return Bytes{std::min(blocks, most / block) * block};
}

QuotaLimits tightened(QuotaLimits limits, const QuotaLimits& by) {
    limits.hard_bytes.value = tighter(limits.hard_bytes.value, by.hard_bytes.value);
    limits.hard_inodes.value = tighter(limits.hard_inodes.value, by.hard_inodes.value);
    return with_soft_below_hard(limits);
}

QuotaLimits without_ours(QuotaLimits now, const DiskHold& hold) {
    const auto put_back = [&](auto limit) {
        if (now.*limit == hold.limits.*limit) {
            now.*limit = hold.found.*limit;
        }
    };
    put_back(&QuotaLimits::hard_bytes);
    put_back(&QuotaLimits::soft_bytes);
    put_back(&QuotaLimits::hard_inodes);
    put_back(&QuotaLimits::soft_inodes);
    return now;
}

} // namespace bulkhead::resources
