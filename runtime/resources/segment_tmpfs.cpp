// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/segment_tmpfs.h"

#include "runtime/base/quantity.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/procfs.h"

#include <algorithm>

namespace bulkhead::resources {

namespace {

using policy::SegmentPlan;

// Inodes are memory of the kernel's as well, and empty files have no size: one for each 4 KiB, as on a disk.
Count inodes_for(Bytes size) {
    constexpr std::uint64_t least = 1024;
    return Count{std::max(least, size.value / 4096)};
}

Bytes round_up(Bytes size, Bytes page) { return Bytes{(size.value + page.value - 1) / page.value * page.value}; }

std::string octal(mode_t mode) {
    std::string digits;
    for (; mode != 0 || digits.empty(); mode /= 8) {
        digits.insert(digits.begin(), static_cast<char>('0' + (mode % 8)));
    }
    return digits;
}

std::unexpected<Error> differs(const SegmentPlan& plan, std::string_view option, std::string_view theirs) {
    const std::string name(option);
    return plan.asked.refuse(Code::busy, name + " differs from that of the segment's members, " + std::string(theirs) +
                                             "; write the same or leave " + name + " out");
}

Result<void> check_terms(const SegmentPlan& plan, const SegmentTerms& terms, Bytes size) {
    const auto& asked = plan.asked.options;
    if (asked.mode && *asked.mode != terms.mode) {
        return differs(plan, "mode", octal(terms.mode));
    }
    if (asked.owner && *asked.owner != terms.owner) {
        return differs(plan, "uid", std::to_string(terms.owner));
    }
    if (asked.group && *asked.group != terms.group) {
        return differs(plan, "gid", std::to_string(terms.group));
    }
    const auto inodes = terms.inodes.value_or(inodes_for(size));
    if (asked.inodes && *asked.inodes != inodes) {
        return differs(plan, "inodes", std::to_string(inodes.value));
    }
    if (asked.huge && *asked.huge != terms.huge) {
        return differs(plan, "huge", terms.huge.empty() ? "not set" : terms.huge);
    }
    return asked.noswap && !terms.noswap ? differs(plan, "noswap", "not set") : Result<void>{};
}

} // namespace

SegmentTerms terms_of(const SegmentPlan& plan) {
    const auto& asked = plan.asked.options;
    SegmentTerms terms{
        .inodes = asked.inodes, .huge = asked.huge.value_or(""), .noswap = asked.noswap, .keep = plan.keep};
    terms.mode = asked.mode.value_or(terms.mode);
    terms.owner = asked.owner.value_or(terms.owner);
    terms.group = asked.group.value_or(terms.group);
    return terms;
}

Result<UniqueFd> make_segment(const SegmentPlan& plan, const std::string& context) {
    if (!plan.size) {
        return plan.asked.refuse(Code::invalid_annotation, "is the first to join the segment and says no size; add "
                                                           "size=...");
    }
    const auto terms = terms_of(plan);
    const auto size = round_up(*plan.size, sys::page_size());
    auto made = sys::make_tmpfs({.size = size,
                                 .mode = terms.mode,
                                 .owner = terms.owner,
                                 .group = terms.group,
                                 .source = "bulkhead",
                                 .inodes = terms.inodes.value_or(inodes_for(size)),
                                 .huge = terms.huge,
                                 .noswap = terms.noswap,
                                 .context = context});
    return made ? std::move(made) : std::unexpected(plan.asked.explain(std::move(made).error()));
}

Result<void> agree_on_segment(const SegmentPlan& plan, const SegmentTerms& terms, BorrowedFd root) {
    TRY_ASSIGN(const auto use, sys::tmpfs_use(root));
    const auto& asked = plan.asked.options;
    if (asked.size && round_up(*asked.size, use.page) < use.size) {
        return plan.asked.refuse(Code::busy, "size is less than the segment's " + format(use.size) +
                                                 ", which never shrinks; write that, or leave size out");
    }
    const auto size = std::max(use.size, round_up(plan.size.value_or(use.size), use.page));
    TRY(check_terms(plan, terms, size));
    if (size == use.size) {
        return {};
    }
    auto grown = sys::resize_tmpfs(root, size, terms.inodes ? std::nullopt : std::optional(inodes_for(size)));
    return grown ? std::move(grown) : std::unexpected(plan.asked.explain(std::move(grown).error()));
}

} // namespace bulkhead::resources
