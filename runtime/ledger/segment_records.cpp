// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/segment_records.h"

#include "runtime/ledger/segment_home.h"
#include "runtime/ledger/segment_total.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/mount.h"

#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::ledger {

using policy::SegmentPlace;
using policy::SegmentPlan;
using Dead = SegmentMembers::Dead;

namespace {

constexpr unsigned lock_deadline_ms = 3000;

bool is_missing(const Error& error) { return error.number == ENOENT; }

// The root of the segment's tmpfs; nullopt where it is not mounted.
Result<std::optional<UniqueFd>> mounted(const SegmentMembers& members, const std::string& name) {
    auto root = sys::open_at(members.scope(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (!root) {
        return is_missing(root.error()) ? Result<std::optional<UniqueFd>>(std::nullopt) : std::unexpected(root.error());
    }
    TRY_ASSIGN(const auto place, sys::place_of(root->borrow()));
    return place.mount_root ? std::optional(*std::move(root)) : std::nullopt;
}

Result<void> release(const SegmentMembers& members, const std::string& name, SegmentRemains& remains) {
    TRY_ASSIGN(const auto root, mounted(members, name));
    if (root) {
        TRY(remains.discard(members.scope(), name));
    }
    return members.remove_all();
}

// Of a scope's segments.
std::vector<std::string> names_in(BorrowedFd scope) {
    std::vector<std::string> names;
    for (const auto& file : sys::list_directory(scope).value_or(std::vector<std::string>{})) {
        if (file.ends_with(members_suffix)) {
            names.push_back(file.substr(0, file.size() - members_suffix.size()));
        }
    }
    return names;
}

Result<UniqueFd> make(const SegmentMembers& members, const SegmentPlan& plan, const std::string& context) {
    TRY_ASSIGN(auto tmpfs, resources::make_segment(plan, context));
    TRY(members.write_terms(resources::terms_of(plan)));
    const auto& name = plan.place.name;
    if (const auto made = sys::make_directory_at(members.scope(), name, S_IRWXU);
        !made && made.error().number != EEXIST) {
        return std::unexpected(made.error());
    }
    TRY_ASSIGN(const auto target, sys::open_at(members.scope(), name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    TRY(sys::attach_mount(tmpfs.borrow(), target.borrow()));
    return tmpfs;
}

Result<void> agree(const SegmentMembers& members, const SegmentPlan& plan, BorrowedFd root) {
    TRY_ASSIGN(const auto before, members.terms());
    auto terms = before;
    TRY(resources::agree_on_segment(plan, terms, root));
    terms.keep = plan.keep; // the operator may have changed it
    return terms == before ? Result<void>{} : members.write_terms(terms);
}

// The segment's root, made where this is the first member. What dead members left behind is not a new one's to see.
Result<UniqueFd> find_or_make(const SegmentMembers& members, const SegmentPlan& plan, const std::string& context,
                              SegmentRemains& remains) {
    const auto& name = plan.place.name;
    TRY_ASSIGN(const auto others, members.any(Dead::remove));
    TRY_ASSIGN(auto root, mounted(members, name));
    if (root && !others) {
        const auto terms = members.terms();
        if (!terms || !terms->keep) {
            TRY(remains.discard(members.scope(), name));
            root.reset();
        }
    }
    if (!root && others) {
        return plan.asked.refuse(Code::internal, "somebody unmounted the segment (" + plan.place.path() +
                                                     "), which still has members; stop them first");
    }
    if (!root) {
        return make(members, plan, context);
    }
    TRY(agree(members, plan, root->borrow()));
    return *std::move(root);
}

Result<bool> is_kept(const SegmentMembers& members, const std::string& name) {
    TRY_ASSIGN(const auto root, mounted(members, name));
    const auto terms = root ? members.terms() : std::unexpected(Error{});
    return terms && terms->keep;
}

// Where all segments of the scope together have a maximum, their sum is one process's to look at and to change; of the
// locks it is the last that is taken. A descriptor of its own: a lock is the open file's.
Result<std::optional<UniqueFd>> lock_scope(const SegmentHome& home, const SegmentPlan& plan) {
    if (!plan.total) {
        return std::nullopt;
    }
    TRY_ASSIGN(auto scope, home.open_scope(plan.place.scope, IfMissing::fail));
    TRY(in_context("segments of " + plan.place.scope, sys::lock_exclusively(scope.borrow(), lock_deadline_ms)));
    return std::optional(std::move(scope));
}

} // namespace

SegmentRecords::SegmentRecords(std::string state_dir, Owner owner, std::string receipt,
                               std::chrono::milliseconds patience)
    : state_dir_(std::move(state_dir)), owner_(std::move(owner)), receipt_(std::move(receipt)), remains_(patience) {}

Result<UniqueFd> SegmentRecords::join(const SegmentPlan& plan, const std::string& context) {
    TRY_ASSIGN(const auto home, SegmentHome::open_or_make(state_dir_));
    auto mount = join_at(home, plan, context);
    if (!mount && mount.error().number != 0) { // where there is no room, say
        mount = in_context(state_dir_ + "/segments", std::move(mount));
    }
    static_cast<void>(finish(home, plan.place.scope)); // what dead members left; gc finds it as well
    return mount;
}

Result<void> SegmentRecords::finish(const SegmentHome& home, const std::string& scope) {
    if (!remains_.any_aside()) {
        return {};
    }
    TRY_ASSIGN(const auto directory, home.open_scope(scope, IfMissing::fail));
    return remains_.finish(directory.borrow());
}

Result<UniqueFd> SegmentRecords::join_at(const SegmentHome& home, const SegmentPlan& plan, const std::string& context) {
    TRY_ASSIGN(const auto members, SegmentMembers::open_or_make(home, plan.place));
    TRY_ASSIGN(const auto scope, lock_scope(home, plan));
    if (scope) {
        TRY(require_room(plan, scope->borrow()));
    }
    TRY_ASSIGN(const auto root, find_or_make(members, plan, context, remains_));
    TRY(members.add(owner_, receipt_));
    return sys::clone_mount(root.borrow());
}

Result<void> SegmentRecords::leave(const SegmentPlace& place) {
    TRY(leave_as(owner_, place));
    return {};
}

Result<bool> SegmentRecords::leave_as(const Owner& owner, const SegmentPlace& place) {
    TRY_ASSIGN(auto home, SegmentHome::open(state_dir_));
    if (!home) {
        return false;
    }
    bool ended = false;
    {
        TRY_ASSIGN(const auto members, SegmentMembers::open(*home, place, lock_deadline_ms));
        if (members) {
            TRY(members->remove(owner));
            TRY_ASSIGN(const auto others, members->any(Dead::remove));
            TRY_ASSIGN(const auto kept, is_kept(*members, place.name));
            if (others || kept) {
                return false;
            }
            ended = true;
            TRY(release(*members, place.name, remains_));
        }
    }
    TRY(finish(*home, place.scope));
    home->remove_scope(place.scope);
    (*std::move(home)).tidy();
    return ended;
}

// What segments without a member hold, as those were killed, is not in the way of a new one.
Result<void> SegmentRecords::require_room(const SegmentPlan& plan, BorrowedFd scope) {
    auto room = require_room_in_scope(plan, scope);
    if (room || room.error().code != Code::not_allowed) {
        return room;
    }
    for (const auto& name : names_in(scope)) {
        if (name != plan.place.name) {
            static_cast<void>(collect({.scope = plan.place.scope, .name = name}, true, false));
        }
    }
    return require_room_in_scope(plan, scope);
}

Result<void> SegmentRecords::for_each_entry(const std::function<void(const std::string&, const std::string&)>& take) {
    TRY_ASSIGN(auto home, SegmentHome::open(state_dir_));
    if (!home) {
        return {};
    }
    TRY_ASSIGN(const auto scopes, home->scopes());
    for (const auto& scope : scopes) {
        const auto directory = home->open_scope(scope, IfMissing::fail);
        const auto names = directory ? sys::list_directory(directory->borrow()) : std::unexpected(directory.error());
        for (const auto& name : names.value_or(std::vector<std::string>{})) {
            take(scope, name);
        }
    }
    (*std::move(home)).tidy(); // who left the last segment while we were in here could not
    return {};
}

Result<std::vector<SegmentPlace>> SegmentRecords::places() {
    std::vector<SegmentPlace> places;
    TRY(for_each_entry([&](const std::string& scope, const std::string& name) {
        if (name.ends_with(members_suffix)) {
            places.push_back({.scope = scope, .name = name.substr(0, name.size() - members_suffix.size())});
        }
    }));
    return places;
}

Result<std::vector<SegmentRecords::Remains>> SegmentRecords::remains() {
    std::vector<Remains> all;
    TRY(for_each_entry([&](const std::string& scope, const std::string& name) {
        if (is_name_of_remains(name)) {
            all.push_back({.scope = scope, .name = name});
        }
    }));
    return all;
}

Result<bool> SegmentRecords::collect(const SegmentPlace& place, bool keep, bool dry_run) {
    TRY_ASSIGN(auto home, SegmentHome::open(state_dir_));
    if (!home) {
        return false;
    }
    {
        TRY_ASSIGN(const auto members, SegmentMembers::open(*home, place, 0));
        if (!members) {
            return false;
        }
        TRY_ASSIGN(const auto others, members->any(dry_run ? Dead::leave : Dead::remove));
        TRY_ASSIGN(const auto kept, is_kept(*members, place.name));
        if (others || (kept && keep) || dry_run) {
            return !others && !(kept && keep);
        }
        TRY(release(*members, place.name, remains_));
    }
    home->remove_scope(place.scope);
    (*std::move(home)).tidy();
    return true;
}

Result<bool> SegmentRecords::collect_remains(const Remains& remains, bool dry_run) {
    TRY_ASSIGN(auto home, SegmentHome::open(state_dir_));
    if (!home || dry_run) {
        return home.has_value();
    }
    auto collected = [&]() -> Result<bool> {
        const auto scope = home->open_scope(remains.scope, IfMissing::fail);
        if (!scope) {
            return is_missing(scope.error()) ? Result<bool>(false) : std::unexpected(scope.error());
        }
        return ledger::collect_remains(scope->borrow(), remains.name);
    }();
    home->remove_scope(remains.scope);
    (*std::move(home)).tidy();
    return collected;
}

Result<void> SegmentRecords::tidy() {
    TRY_ASSIGN(auto home, SegmentHome::open(state_dir_));
    if (!home) {
        return {};
    }
    TRY_ASSIGN(auto scopes, home->scopes());
    scopes.emplace_back("k8s"); // without a namespace in it
    for (const auto& scope : scopes) {
        home->remove_scope(scope);
    }
    (*std::move(home)).tidy();
    return {};
}

} // namespace bulkhead::ledger
