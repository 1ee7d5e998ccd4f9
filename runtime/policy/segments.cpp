// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/segments.h"

#include "runtime/base/glob.h"
#include "runtime/base/quantity.h"

#include <algorithm>

namespace bulkhead::policy {

namespace {

using oci::SegmentSetting;

constexpr std::string_view kubernetes_scope = "k8s/";
constexpr std::uint64_t smallest_page = 4096;

bool any_matches(const std::vector<std::string>& globs, std::string_view text) {
    return std::ranges::any_of(globs, [&](const std::string& glob) { return glob_matches(glob, text); });
}

Result<void> check_declared(const SegmentSetting& asked, const DeclaredSegment& declared, std::string_view owner) {
    const bool writer = any_matches(declared.writers, owner);
    if (!writer && !any_matches(declared.readers, owner)) {
        return asked.refuse(Code::not_allowed, "the node config declares this segment, and " + std::string(owner) +
                                                   " is not among its readers and writers; use another name");
    }
    if (!writer && !asked.options.read_only) {
        return asked.refuse(Code::not_allowed,
                            "the node config lets " + std::string(owner) + " only read this segment; add ro");
    }
    const auto& options = asked.options;
    const bool terms =
        options.mode || options.owner || options.group || options.inodes || options.huge || options.noswap;
    if (!writer && (terms || options.size)) {
        return asked.refuse(Code::not_allowed,
                            "the node config lets " + std::string(owner) +
                                " only read this segment, which is for its writers to size and shape; "
                                "leave all but path and ro out");
    }
    if (asked.options.exec && !declared.exec) {
        return asked.refuse(Code::not_allowed, "exec is not allowed for this segment by the node config; leave it out");
    }
    return {};
}

Result<void> check_size(const SegmentSetting& asked, Bytes most, std::string_view origin) {
    if (asked.options.size && *asked.options.size > most) {
        return asked.refuse(Code::not_allowed, "size exceeds the maximum of " + format(most) + " (" +
                                                   std::string(origin) + "); ask for less");
    }
    return {};
}

Result<void> check_size(const SegmentSetting& asked, const Maximum& max) {
    return check_size(asked, Bytes{max.value}, max.origin);
}

// Inodes are memory of the kernel's, outside of the size: no more than it gives a tmpfs of the largest size without a
// word.
Result<void> check_inodes(const SegmentSetting& asked, const Maximum& max) {
    constexpr std::uint64_t least = 1024;
    const Count most{std::max(least, max.value / smallest_page)};
    if (asked.options.inodes && *asked.options.inodes > most) {
        return asked.refuse(Code::not_allowed, "inodes exceeds the maximum of " + std::to_string(most.value) +
                                                   " (one for each page of " + max.origin + "); ask for less");
    }
    return {};
}

// What one container's segments are planned with.
struct Ground {
    std::string owner; // a namespace, or local_namespace
    const Maximum& max;
    const std::optional<Maximum>& total;
    Bytes ram;
};

Result<void> plan_declared(SegmentPlan& plan, const DeclaredSegment& declared, const Ground& ground) {
    TRY(check_declared(plan.asked, declared, ground.owner));
    plan.place.scope = "node";
    plan.keep = declared.keep;
    plan.shapes = any_matches(declared.writers, ground.owner);
    if (!declared.size) {
        return check_size(plan.asked, ground.max);
    }
    plan.size = Bytes{declared.size->of(ground.ram)};
    plan.declared_size = true;
    if (!ground.max.built_in && plan.size->value > ground.max.value) {
        plan.size = Bytes{ground.max.value};
        return check_size(plan.asked, ground.max);
    }
    return check_size(plan.asked, *plan.size, "the segment's size in the node config");
}

Result<SegmentPlan> plan_one(const SegmentSetting& asked, const DeclaredSegment* declared, const Ground& ground) {
    TRY(check_inodes(asked, ground.max));
    SegmentPlan plan{
        .asked = asked, .place = {}, .size = asked.options.size, .inodes = asked.options.inodes, .total = {}};
    plan.place.name = asked.name;
    if (declared != nullptr) {
        TRY(plan_declared(plan, *declared, ground));
        return plan;
    }
    plan.place.scope = ground.owner == local_namespace ? "local" : std::string(kubernetes_scope).append(ground.owner);
    plan.total = ground.total;
    if (asked.options.exec) {
        return asked.refuse(Code::not_allowed, "exec needs a segment that the node config declares with exec; leave "
                                               "it out");
    }
    TRY(check_size(asked, ground.max));
    return plan;
}

// The one would cover the other, or have its mount point in it.
Result<void> check_paths(const oci::Request& request) {
    const auto& segments = request.segments();
    for (const auto& one : segments) {
        if (one.options.path == "/dev/shm" && request[oci::Key::shm_size]) {
            return one.refuse(Code::invalid_annotation, "a segment at /dev/shm has its own size; leave " +
                                                            request[oci::Key::shm_size]->annotation + " out");
        }
        for (const auto& other : segments) {
            const auto& path = other.options.path;
            const bool below = path.starts_with(one.options.path) &&
                               (path.size() == one.options.path.size() || path[one.options.path.size()] == '/');
            if (&one != &other && below) {
                return other.refuse(Code::invalid_annotation,
                                    "path is that of the segment " + one.name + ", or lies in it; write another");
            }
        }
    }
    return {};
}

} // namespace

std::optional<SegmentPlace> parse_segment_place(std::string_view path) {
    const auto slash = path.rfind('/');
    if (slash == std::string_view::npos || !oci::is_segment_name(path.substr(slash + 1))) {
        return std::nullopt;
    }
    const auto scope = path.substr(0, slash);
    const bool known =
        scope == "local" || scope == "node" ||
        (scope.starts_with(kubernetes_scope) && oci::is_namespace_name(scope.substr(kubernetes_scope.size())));
    return known ? std::optional(SegmentPlace{.scope = std::string(scope), .name = std::string(path.substr(slash + 1))})
                 : std::nullopt;
}

Result<std::vector<SegmentPlan>> plan_segments(const oci::Request& request,
                                               const std::vector<DeclaredSegment>& declared, const Allowance& allowance,
                                               const oci::Engine& engine, Bytes ram) {
    std::vector<SegmentPlan> plans;
    if (request.segments().empty()) {
        return plans;
    }
    TRY(check_paths(request));
    TRY_ASSIGN(auto owner, namespace_of(engine));
    const Ground ground{.owner = std::move(owner),
                        .max = *allowance.max(oci::Key::segment),
                        .total = allowance.segments_total,
                        .ram = ram};
    for (const auto& asked : request.segments()) {
        const auto found = std::ranges::find(declared, asked.name, &DeclaredSegment::name);
        TRY_ASSIGN(auto plan, plan_one(asked, found == declared.end() ? nullptr : &*found, ground));
        plans.push_back(std::move(plan));
    }
    return plans;
}

} // namespace bulkhead::policy
