// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/segment_home.h"

#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/mount.h"

#include <cerrno>

namespace bulkhead::ledger {

namespace {
constexpr unsigned lock_deadline_ms = 3000;
constexpr auto directory_name = "segments";
constexpr std::string_view kubernetes = "k8s";

bool is_missing(const Error& error) { return error.number == ENOENT; }

Result<bool> is_mounted(BorrowedFd directory) {
    TRY_ASSIGN(const auto place, sys::place_of(directory));
    return place.mount_root;
}
} // namespace

Result<void> SegmentHome::enter(const std::string& state_dir, IfMissing if_missing) {
    TRY_ASSIGN(auto visit, sys::MountNamespaceVisit::enter_init());
    if (visit) {
        visit_.emplace(*std::move(visit));
    }
    TRY_ASSIGN(state_, open_private_directory(sys::working_directory, state_dir, if_missing));
    TRY(in_context("segments", sys::lock_shared(state_.borrow(), lock_deadline_ms)));
    TRY_ASSIGN(segments_, open_private_directory(state_.borrow(), directory_name, if_missing));
    return {};
}

// A mount below a shared one (systemd makes /run one) would appear in every unit and container that has it as a slave.
Result<void> SegmentHome::anchor() {
    TRY_ASSIGN(const auto mounted, is_mounted(segments_.borrow()));
    if (mounted) {
        return in_context("segments", sys::keep_anchored(segments_.borrow()));
    }
    TRY(in_context("segments", sys::lock_exclusively(state_.borrow(), lock_deadline_ms)));
    TRY_ASSIGN(segments_, open_private_directory(state_.borrow(), directory_name, IfMissing::make));
    TRY_ASSIGN(const auto mounted_meanwhile, is_mounted(segments_.borrow()));
    if (!mounted_meanwhile) {
        TRY(in_context("segments", sys::make_anchor(state_.borrow(), directory_name)));
        TRY_ASSIGN(segments_, open_private_directory(state_.borrow(), directory_name, IfMissing::fail));
    }
    return in_context("segments", sys::lock_shared(state_.borrow(), lock_deadline_ms));
}

Result<SegmentHome> SegmentHome::open_or_make(const std::string& state_dir) {
    SegmentHome home;
    TRY(home.enter(state_dir, IfMissing::make));
    TRY(home.anchor());
    return home;
}

Result<std::optional<SegmentHome>> SegmentHome::open(const std::string& state_dir) {
    SegmentHome home;
    if (auto entered = home.enter(state_dir, IfMissing::fail); !entered) {
        return is_missing(entered.error()) ? Result<std::optional<SegmentHome>>(std::nullopt)
                                           : std::unexpected(std::move(entered).error());
    }
    return home;
}

Result<UniqueFd> SegmentHome::open_scope(const std::string& scope, IfMissing if_missing) const {
    const auto slash = scope.find('/');
    TRY_ASSIGN(auto top, open_private_directory(segments_.borrow(), scope.substr(0, slash), if_missing));
    return slash == std::string::npos ? Result<UniqueFd>(std::move(top))
                                      : open_private_directory(top.borrow(), scope.substr(slash + 1), if_missing);
}

Result<std::vector<std::string>> SegmentHome::scopes() const {
    std::vector<std::string> scopes{"local", "node"};
    const auto top = open_private_directory(segments_.borrow(), std::string(kubernetes), IfMissing::fail);
    if (!top) {
        return is_missing(top.error()) ? Result<std::vector<std::string>>(scopes) : std::unexpected(top.error());
    }
    const auto namespaces = sys::list_directory(top->borrow());
    if (!namespaces && !is_missing(namespaces.error())) { // missing: it went since it was opened
        return std::unexpected(namespaces.error());
    }
    for (const auto& name : namespaces.value_or(std::vector<std::string>{})) {
        scopes.push_back(std::string(kubernetes).append("/").append(name));
    }
    return scopes;
}

// Each step fails where the next one would be wrong: something is left, or somebody is in there.
void SegmentHome::remove_scope(const std::string& scope) const {
    const auto slash = scope.find('/');
    if (slash != std::string::npos) {
        if (const auto top = open_private_directory(segments_.borrow(), scope.substr(0, slash), IfMissing::fail)) {
            static_cast<void>(sys::remove_directory_at(top->borrow(), scope.substr(slash + 1)));
        }
    }
    static_cast<void>(sys::remove_directory_at(segments_.borrow(), scope.substr(0, slash)));
}

void SegmentHome::tidy() && {
    segments_.reset();
    // Whoever is the last one to be done gets it: the lock that one had goes before the new one is asked for.
    if (sys::lock_exclusively(state_.borrow(), 0)) {
        static_cast<void>(sys::unmount(state_.borrow(), directory_name));
        static_cast<void>(sys::remove_directory_at(state_.borrow(), directory_name));
    }
}

} // namespace bulkhead::ledger
