// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/segment_members.h"

#include "runtime/base/quantity.h"
#include "runtime/ledger/json_parts.h"
#include "runtime/ledger/store.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/procfs.h"

#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>

namespace bulkhead::ledger {

using nlohmann::ordered_json;
using oci::JsonObject;
using policy::SegmentPlace;
using resources::SegmentTerms;

namespace {

constexpr unsigned lock_deadline_ms = 3000;
constexpr std::size_t longest_terms = 4096;
constexpr auto terms_file = "terms.json";

bool is_missing(const Error& error) { return error.number == ENOENT; }

std::string members_of(const SegmentPlace& place) { return place.name + std::string(members_suffix); }

std::string name_of(const sys::ProcessIdentity& process, std::string_view boot_id) {
    return std::to_string(process.pid) + "-" + std::to_string(process.start_time) + "-" +
           std::to_string(short_hash(boot_id));
}

// Whose process `name` is; nullopt for one of another boot, or no member's name.
std::optional<sys::ProcessIdentity> process_of(const std::string& name, std::string_view boot_id) {
    const auto dash = name.find('-');
    const auto pid = parse_unsigned(std::string_view(name).substr(0, dash));
    if (!pid || dash == std::string::npos || *pid > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max())) {
        return std::nullopt;
    }
    const auto rest = std::string_view(name).substr(dash + 1);
    const auto start_time = parse_unsigned(rest.substr(0, rest.find('-')));
    const sys::ProcessIdentity process{.pid = static_cast<pid_t>(*pid), .start_time = start_time.value_or(0)};
    return start_time && name_of(process, boot_id) == name ? std::optional(process) : std::nullopt;
}

Result<SegmentTerms> parse_terms(std::string_view text) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    SegmentTerms terms;
    TRY_ASSIGN(const auto version, number(object, "formatVersion"));
    if (version != format_version) {
        return fail(Code::malformed_input, "format version " + std::to_string(version) + " is not known");
    }
    const auto short_number = [&](std::string_view key) -> Result<std::uint32_t> {
        TRY_ASSIGN(const auto value, number(object, key));
        return value > std::numeric_limits<std::uint32_t>::max()
                   ? fail(Code::malformed_input, "is out of range")
                   : Result<std::uint32_t>(static_cast<std::uint32_t>(value));
    };
    TRY_ASSIGN(terms.mode, short_number("mode"));
    TRY_ASSIGN(terms.owner, short_number("uid"));
    TRY_ASSIGN(terms.group, short_number("gid"));
    TRY_ASSIGN(const auto inodes, number(object, "inodes"));
    terms.inodes = inodes == 0 ? std::nullopt : std::optional(Count{inodes});
    TRY_ASSIGN(terms.huge, object.required_string("huge"));
    TRY_ASSIGN(const auto noswap, number(object, "noswap"));
    TRY_ASSIGN(const auto keep, number(object, "keep"));
    TRY_ASSIGN(const auto shaped, number(object, "shaped"));
    terms.noswap = noswap != 0;
    terms.keep = keep != 0;
    terms.shaped = shaped != 0;
    return terms;
}

std::string to_json(const SegmentTerms& terms) {
    return to_text({{"formatVersion", format_version},
                    {"mode", terms.mode},
                    {"uid", terms.owner},
                    {"gid", terms.group},
                    {"inodes", terms.inodes ? terms.inodes->value : 0},
                    {"huge", terms.huge},
                    {"noswap", terms.noswap ? 1 : 0},
                    {"keep", terms.keep ? 1 : 0},
                    {"shaped", terms.shaped ? 1 : 0}});
}

} // namespace

Result<SegmentMembers> SegmentMembers::lock(const SegmentHome& home, const SegmentPlace& place, IfMissing if_missing,
                                            unsigned deadline_ms) {
    SegmentMembers members;
    members.place_ = place;
    TRY_ASSIGN(members.scope_, home.open_scope(place.scope, if_missing));
    TRY_ASSIGN(members.members_, open_private_directory(members.scope(), members_of(place), if_missing));
    TRY(in_context("segment " + place.name, sys::lock_exclusively(members.members_.borrow(), deadline_ms)));
    TRY_ASSIGN(const auto status, sys::status_of(members.members_.borrow()));
    return status.links != 0 ? Result<SegmentMembers>(std::move(members))
                             : fail_errno(ENOENT, "the members of the segment"); // removed while we waited
}

Result<SegmentMembers> SegmentMembers::open_or_make(const SegmentHome& home, const SegmentPlace& place) {
    // The last one that leaves takes the directories away, and may do so between any two steps of ours.
    for (int tries_left = 64;; --tries_left) {
        auto members = lock(home, place, IfMissing::make, lock_deadline_ms);
        if (members || !is_missing(members.error()) || tries_left == 0) {
            return members;
        }
    }
}

Result<std::optional<SegmentMembers>> SegmentMembers::open(const SegmentHome& home, const SegmentPlace& place,
                                                           unsigned deadline_ms) {
    auto members = lock(home, place, IfMissing::fail, deadline_ms);
    if (!members) {
        return is_missing(members.error()) ? Result<std::optional<SegmentMembers>>(std::nullopt)
                                           : std::unexpected(std::move(members).error());
    }
    return *std::move(members);
}

Result<void> SegmentMembers::add(const Owner& owner, const std::string& receipt) const {
    const bool deep = place_.scope.contains('/');
    auto added = sys::make_symlink_at(members_.borrow(), name_of(owner.process, owner.boot_id),
                                      std::string(deep ? "../../../../" : "../../../") + receipt);
    return added || added.error().number == EEXIST ? Result<void>{} : std::move(added);
}

Result<void> SegmentMembers::remove(const Owner& owner) const {
    auto removed = sys::unlink_at(members_.borrow(), name_of(owner.process, owner.boot_id));
    return removed || is_missing(removed.error()) ? Result<void>{} : std::move(removed);
}

namespace {
Result<std::vector<std::string>> names_of_members(BorrowedFd members) {
    TRY_ASSIGN(auto names, sys::list_directory(members));
    std::erase_if(names,
                  [](const auto& name) { return name == terms_file || name == sys::temporary_name(terms_file); });
    return names;
}
} // namespace

Result<bool> SegmentMembers::any(Dead dead) const {
    TRY_ASSIGN(const auto names, names_of_members(members_.borrow()));
    if (names.empty()) {
        return false;
    }
    TRY_ASSIGN(const auto boot_id, sys::boot_id());
    for (const auto& name : names) {
        const auto process = process_of(name, boot_id);
        TRY_ASSIGN(const auto alive, process ? sys::is_running(*process) : Result<bool>(false));
        if (alive) {
            return true;
        }
        if (dead == Dead::remove) {
            TRY(sys::unlink_at(members_.borrow(), name));
        }
    }
    return false;
}

Result<void> SegmentMembers::write_terms(const SegmentTerms& terms) const {
    return in_context("terms of the segment", sys::replace_file_at(members_.borrow(), terms_file, to_json(terms)));
}

Result<std::vector<sys::ProcessIdentity>> living_members(BorrowedFd members) {
    TRY_ASSIGN(const auto names, names_of_members(members));
    TRY_ASSIGN(const auto boot_id, sys::boot_id());
    std::vector<sys::ProcessIdentity> living;
    for (const auto& name : names) {
        const auto process = process_of(name, boot_id);
        TRY_ASSIGN(const auto alive, process ? sys::is_running(*process) : Result<bool>(false));
        if (alive) {
            living.push_back(*process);
        }
    }
    return living;
}

Result<SegmentTerms> SegmentMembers::terms() const { return read_segment_terms(members_.borrow(), place_); }

Result<SegmentTerms> read_segment_terms(BorrowedFd members, const SegmentPlace& place) {
    TRY_ASSIGN(const auto text, read_private_file(members, terms_file, longest_terms));
    auto terms = text ? parse_terms(*text) : fail(Code::internal, "are missing");
    if (!terms) {
        terms.error().code = Code::internal;
    }
    return in_context("terms of the segment " + place.path(), std::move(terms));
}

Result<void> SegmentMembers::remove_all() const {
    for (const auto& name : {std::string(terms_file), sys::temporary_name(terms_file)}) {
        if (const auto gone = sys::unlink_at(members_.borrow(), name); !gone && !is_missing(gone.error())) {
            return gone;
        }
    }
    for (const auto& name : {place_.name, members_of(place_)}) {
        if (const auto gone = sys::remove_directory_at(scope(), name); !gone && !is_missing(gone.error())) {
            return gone;
        }
    }
    return {};
}

} // namespace bulkhead::ledger
