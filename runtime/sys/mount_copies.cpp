// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/mount_copies.h"

#include "runtime/base/quantity.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/mountinfo.h"

#include <cerrno>
#include <set>
#include <string>

namespace bulkhead::sys {

namespace {

bool is_gone(const Error& error) { return error.number == ENOENT || error.number == ESRCH || error.number == EINVAL; }

// 0 for a process that has ended, or one that was counted by another of its namespace.
Result<std::size_t> mounts_seen_by(const std::string& process, dev_t device, std::set<ino_t>& seen) {
    const auto ns = status_behind(working_directory, process + "/ns/mnt");
    if (!ns) {
        return is_gone(ns.error()) ? Result<std::size_t>(0) : std::unexpected(ns.error());
    }
    if (!seen.insert(ns->inode).second) {
        return 0;
    }
    const auto mountinfo = open_at(working_directory, process + "/mountinfo", O_RDONLY);
    const auto survey = mountinfo ? survey_mount(mountinfo->borrow(), 0, device) : std::unexpected(mountinfo.error());
    if (!survey) {
        seen.erase(ns->inode); // another process of the namespace may tell
        return is_gone(survey.error()) ? Result<std::size_t>(0) : std::unexpected(survey.error());
    }
    return survey->mounts_of_device;
}

Result<bool> is_mounted_once(dev_t device, std::chrono::steady_clock::time_point deadline) {
    TRY_ASSIGN(const auto proc, open_at(working_directory, "/proc", O_RDONLY | O_DIRECTORY));
    TRY_ASSIGN(const auto names, list_directory(proc.borrow()));
    std::set<ino_t> seen;
    std::size_t mounts = 0;
    for (const auto& name : names) {
        if (!parse_unsigned(name)) {
            continue;
        }
        TRY_ASSIGN(const auto more, mounts_seen_by("/proc/" + name, device, seen));
        mounts += more;
        if (mounts > 1 || std::chrono::steady_clock::now() >= deadline) {
            return false;
        }
    }
    return mounts == 1;
}

} // namespace

bool may_have_copies(dev_t device, std::chrono::milliseconds most) {
    return !is_mounted_once(device, std::chrono::steady_clock::now() + most).value_or(false);
}

} // namespace bulkhead::sys
