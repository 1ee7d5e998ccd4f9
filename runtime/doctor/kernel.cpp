// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/node_checks.h"

#include "runtime/base/quantity.h"
#include "runtime/doctor/program.h"
#include "runtime/engines/config_text.h"
#include "runtime/sys/cgroup.h"

#include <algorithm>
#include <optional>

namespace bulkhead::doctor {

namespace {

// The first line of a file of the kernel's; empty where there is none.
std::string line_of(const std::string& path) {
    const auto text = engines::read_text(path);
    return text && *text ? (*text)->substr(0, (*text)->find('\n')) : "";
}

struct Release {
    std::uint64_t major = 0;
    std::uint64_t minor = 0;

    auto operator<=>(const Release&) const = default;
};

// "6.1.0-18-amd64"
std::optional<Release> parse_release(std::string_view text) {
    const auto number = [&] {
        const auto digits = text.substr(0, text.find_first_not_of("0123456789"));
        text.remove_prefix(std::min(text.size(), digits.size() + 1));
        return parse_unsigned(digits);
    };
    const auto major = number();
    const auto minor = number();
    return major && minor ? std::optional(Release{*major, *minor}) : std::nullopt;
}

Finding judge_release(std::string_view text) {
    constexpr Release oldest{.major = 5, .minor = 14};
    const auto release = parse_release(text);
    return release && *release >= oldest ? well() : failed("Bulkhead needs Linux 5.14 or newer", "boot a newer kernel");
}

struct Cgroups {
    std::string looked;
    Finding finding;
};

Cgroups look_at_cgroups() {
    const auto version = sys::own_cgroup_version();
    if (!version) {
        return {"/proc/self/cgroup", failed(version.error().what, "mount cgroup2 on /sys/fs/cgroup")};
    }
    if (*version == sys::CgroupVersion::v2) {
        return {"v2", well()};
    }
    return {exists("/sys/fs/cgroup/unified") ? "v1, hybrid" : "v1",
            warning("v1 has no memory-high, memory-low and memory-oom-group: who asks for them is refused",
                    "boot with systemd.unified_cgroup_hierarchy=1")};
}

bool has_word(std::string_view text, std::string_view word) {
    for (std::size_t begin = 0; begin <= text.size();) {
        const auto end = std::min(text.size(), text.find(' ', begin));
        if (text.substr(begin, end - begin) == word) {
            return true;
        }
        begin = end + 1;
    }
    return false;
}

Finding judge_seccomp(std::string_view actions) {
    return has_word(actions, "errno") ? well()
                                      : failed("the kernel has no seccomp filters: there is no guard, and disk limits "
                                               "can be taken off from inside",
                                               "boot a kernel with CONFIG_SECCOMP_FILTER");
}

} // namespace

void check_kernel(Section& section, const Node& node) {
    const auto release = line_of("/proc/sys/kernel/osrelease");
    section.add("kernel", "Linux " + release, judge_release(release));
    auto cgroups = look_at_cgroups();
    section.add("cgroups", std::move(cgroups.looked), std::move(cgroups.finding));
    if (!node.shims().empty()) {
        const auto actions = line_of("/proc/sys/kernel/seccomp/actions_avail");
        section.add("seccomp", actions.empty() ? "no /proc/sys/kernel/seccomp" : actions, judge_seccomp(actions));
    }
    const auto modules = line_of("/sys/kernel/security/lsm");
    section.add("lsm", "/sys/kernel/security/lsm: " + modules,
                modules.empty() ? skipped("the kernel does not tell") : well());
}

} // namespace bulkhead::doctor
