// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/segment_tmpfs.h"

#include "runtime/base/quantity.h"
#include "runtime/sys/file.h"
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
    SegmentTerms terms{.shaped = plan.shapes,
                       .inodes = asked.inodes,
                       .huge = asked.huge.value_or(""),
                       .noswap = asked.noswap,
                       .keep = plan.keep};
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

namespace {

// It is empty still: whoever has no say in it may only read.
Result<void> shape(const SegmentPlan& plan, SegmentTerms& terms, BorrowedFd root, Bytes size) {
    const auto wanted = terms_of(plan);
    TRY(sys::resize_tmpfs(root, size, wanted.inodes.value_or(inodes_for(size)), wanted.huge));
    TRY_ASSIGN(const auto directory, sys::open_at(root, ".", O_RDONLY | O_DIRECTORY));
    TRY(sys::set_owner_and_mode(directory.borrow(), wanted.owner, wanted.group, wanted.mode));
    terms = wanted;
    return {};
}

Result<void> grow(const SegmentTerms& terms, BorrowedFd root, Bytes size) {
    return sys::resize_tmpfs(root, size, terms.inodes ? std::nullopt : std::optional(inodes_for(size)));
}

} // namespace

Result<void> agree_on_segment(const SegmentPlan& plan, SegmentTerms& terms, BorrowedFd root) {
    TRY_ASSIGN(const auto use, sys::tmpfs_use(root));
    const auto& asked = plan.asked.options;
    if (asked.size && round_up(*asked.size, use.page) < use.size) {
        return plan.asked.refuse(Code::busy, "size is less than the segment's " + format(use.size) +
                                                 ", which never shrinks; write that, or leave size out");
    }
    const auto size = std::max(use.size, round_up(plan.size.value_or(use.size), use.page));
    const bool shapes = plan.shapes && !terms.shaped;
    if (!shapes) {
        TRY(check_terms(plan, terms, size));
    } else if (asked.noswap && !terms.noswap) { // all else can be changed
        return differs(plan, "noswap", "not set");
    }
    auto changed = shapes             ? shape(plan, terms, root, size)
                   : size != use.size ? grow(terms, root, size)
                                      : Result<void>{};
    return changed ? std::move(changed) : std::unexpected(plan.asked.explain(std::move(changed).error()));
}

} // namespace bulkhead::resources
