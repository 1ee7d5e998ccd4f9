// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/segment_view.h"

#include "runtime/ledger/segment_home.h"
#include "runtime/ledger/segment_members.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"

#include <cerrno>

namespace bulkhead::ledger {

namespace {

bool is_missing(const Error& error) { return error.number == ENOENT; }

Result<std::optional<sys::TmpfsUse>> use_of(BorrowedFd scope, const std::string& name) {
    const auto root = sys::open_at(scope, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!root) {
        return is_missing(root.error()) ? Result<std::optional<sys::TmpfsUse>>(std::nullopt)
                                        : std::unexpected(root.error());
    }
    TRY_ASSIGN(const auto place, sys::place_of(root->borrow()));
    if (!place.mount_root) {
        return std::nullopt;
    }
    TRY_ASSIGN(const auto use, sys::tmpfs_use(root->borrow()));
    return use;
}

Result<SegmentView> view(BorrowedFd scope, const policy::SegmentPlace& place) {
    SegmentView segment{.place = place, .use = {}, .terms = {}, .members = {}};
    TRY_ASSIGN(const auto members,
               open_private_directory(scope, place.name + std::string(members_suffix), IfMissing::fail));
    TRY_ASSIGN(segment.members, living_members(members.borrow()));
    TRY_ASSIGN(segment.use, use_of(scope, place.name));
    if (auto terms = read_segment_terms(members.borrow(), place)) {
        segment.terms = *std::move(terms);
    }
    return segment;
}

// Those that go while we look are left out.
void view_scope(const SegmentHome& home, const std::string& scope, std::vector<Result<SegmentView>>& views) {
    const auto directory = home.open_scope(scope, IfMissing::fail);
    const auto names = directory ? sys::list_directory(directory->borrow()) : std::unexpected(directory.error());
    if (!names && !is_missing(names.error())) {
        views.emplace_back(in_context<SegmentView>("segments of " + scope, std::unexpected(names.error())));
    }
    for (const auto& name : names.value_or(std::vector<std::string>{})) {
        if (!name.ends_with(members_suffix)) {
            continue;
        }
        const policy::SegmentPlace place{.scope = scope, .name = name.substr(0, name.size() - members_suffix.size())};
        auto seen = view(directory->borrow(), place);
        if (seen || !is_missing(seen.error())) {
            views.push_back(in_context("segment " + place.path(), std::move(seen)));
        }
    }
}

} // namespace

Result<std::vector<Result<SegmentView>>> view_segments(const std::string& state_dir) {
    std::vector<Result<SegmentView>> views;
    TRY_ASSIGN(auto home, SegmentHome::open(state_dir));
    if (!home) {
        return views;
    }
    TRY_ASSIGN(const auto scopes, home->scopes());
    for (const auto& scope : scopes) {
        view_scope(*home, scope, views);
    }
    (*std::move(home)).tidy(); // who left the last segment while we were in here could not
    return views;
}

} // namespace bulkhead::ledger
