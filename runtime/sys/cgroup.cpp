// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/cgroup.h"

#include "runtime/base/quantity.h"
#include "runtime/sys/call.h"
#include "runtime/sys/file.h"
#include "runtime/sys/procfs.h"

#include <fcntl.h>
#include <limits>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

namespace bulkhead::sys {

namespace {

constexpr std::size_t longest_file = 65536;

bool lists(std::string_view controllers, std::string_view wanted) {
    while (!controllers.empty()) {
        const auto name = controllers.substr(0, controllers.find(','));
        if (name == wanted) {
            return true;
        }
        controllers.remove_prefix(std::min(controllers.size(), name.size() + 1));
    }
    return false;
}

// "/.." in front: the process is outside of what our cgroup namespace shows.
bool climbs(std::string_view path) {
    return path == "/.." || path.starts_with("/../") || path.ends_with("/..") || path.contains("/../");
}

Result<long> type_of(BorrowedFd directory) {
    struct statfs status{};
    if (call(SYS_fstatfs, directory.number(), &status) < 0) {
        return fail_errno(errno, "fstatfs");
    }
    return status.f_type;
}

// The root of the hierarchy: v2 alone is mounted on /sys/fs/cgroup itself; beside v1 hierarchies, which are called by
// their controllers, it is on unified/.
Result<UniqueFd> open_hierarchy(const CgroupPlace& place) {
    const std::string base = "/sys/fs/cgroup";
    constexpr int flags = O_PATH | O_DIRECTORY;
    if (place.version == CgroupVersion::v1) {
        return open_at(working_directory, base + "/" + place.controller, flags);
    }
    TRY_ASSIGN(auto directory, open_at(working_directory, base, flags));
    TRY_ASSIGN(const auto type, type_of(directory.borrow()));
    if (type == CGROUP2_SUPER_MAGIC) {
        return directory;
    }
    return open_at(directory.borrow(), "unified", flags | O_NOFOLLOW);
}

} // namespace

std::optional<CgroupPlace> find_cgroup(std::string_view text, std::string_view controller) {
    std::optional<CgroupPlace> found;
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string_view::npos || second == std::string_view::npos ||
            !line.substr(second + 1).starts_with('/')) {
            continue;
        }
        const auto controllers = line.substr(first + 1, second - first - 1);
        const bool unified = controllers.empty() && line.substr(0, first) == "0";
        if (lists(controllers, controller) || (unified && !found)) {
            found = CgroupPlace{.version = unified ? CgroupVersion::v2 : CgroupVersion::v1,
                                .controller = std::string(controller),
                                .path = std::string(line.substr(second + 1))};
        }
    }
    return found;
}

Result<std::optional<std::uint64_t>> parse_cgroup_limit(std::string_view text) {
    constexpr std::uint64_t v1_unlimited = std::numeric_limits<std::int64_t>::max() - (1U << 20U); // by the page size
    if (text == "max") {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto value, parse_unsigned(text));
    return value >= v1_unlimited ? std::nullopt : std::optional(value);
}

Result<CgroupVersion> own_cgroup_version() {
    TRY_ASSIGN(const auto text, own_cgroup());
    const auto place = find_cgroup(text, "memory");
    return place ? place->version : CgroupVersion::v2;
}

Result<Cgroup> Cgroup::open(const CgroupPlace& place) {
    if (!place.path.starts_with('/') || climbs(place.path)) {
        return fail(Code::unsupported, "the cgroup " + in_quotes(place.path) + " lies outside this cgroup namespace");
    }
    TRY_ASSIGN(const auto hierarchy, open_hierarchy(place));
    Cgroup cgroup;
    cgroup.version_ = place.version;
    TRY_ASSIGN(cgroup.directory_, open_at(hierarchy.borrow(), place.path == "/" ? "." : place.path.substr(1),
                                          O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY_ASSIGN(const auto type, type_of(cgroup.directory_.borrow()));
    if (type != (place.version == CgroupVersion::v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC)) {
        return fail(Code::unsupported,
                    "no cgroup file system of the " + place.controller + " controller below /sys/fs/cgroup");
    }
    TRY_ASSIGN(const auto status, status_of(cgroup.directory_.borrow()));
    cgroup.inode_ = status.inode;
    cgroup.has_children_ = status.links > 2;
    return cgroup;
}

Result<std::string> Cgroup::read(const std::string& file) const {
    TRY_ASSIGN(const auto opened, open_at(directory_.borrow(), file, O_RDONLY | O_NOFOLLOW));
    TRY_ASSIGN(auto text, read_all(opened.borrow(), longest_file));
    while (text.ends_with('\n')) {
        text.pop_back();
    }
    return text;
}

Result<void> Cgroup::write(const std::string& file, std::string_view value) const {
    TRY_ASSIGN(const auto opened, open_at(directory_.borrow(), file, O_WRONLY | O_NOFOLLOW));
    const auto written = write_all(opened.borrow(), value);
    if (!written) {
        return fail_errno(written.error().number, "write " + std::string(value) + " to " + file);
    }
    return {};
}

Result<bool> Cgroup::empty() const {
    if (version_ == CgroupVersion::v1) {
        if (has_children_) { // v1 does not say what they hold
            return false;
        }
        TRY_ASSIGN(const auto processes, read("cgroup.procs"));
        return processes.empty();
    }
    TRY_ASSIGN(const auto events, read("cgroup.events"));
    return events.contains("populated 0");
}

} // namespace bulkhead::sys
