// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/disk_records.h"

#include "runtime/base/quantity.h"
#include "runtime/ledger/json_parts.h"
#include "runtime/ledger/private_directory.h"
#include "runtime/resources/disk_release.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"

#include <cerrno>
#include <limits>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace bulkhead::ledger {

using nlohmann::ordered_json;
using oci::JsonObject;
using resources::DiskHold;
using sys::ProjectId;

namespace {

constexpr std::size_t longest_record = 16UL << 10U;
constexpr std::size_t longest_number = 16;
constexpr unsigned lock_deadline_ms = 3000;

std::string name_of(const std::string& filesystem, ProjectId id) {
    return filesystem + "-" + std::to_string(id) + ".json";
}

ordered_json limits_to_json(const sys::QuotaLimits& limits) {
    return {{"hardBytes", limits.hard_bytes.value},
            {"softBytes", limits.soft_bytes.value},
            {"hardInodes", limits.hard_inodes.value},
            {"softInodes", limits.soft_inodes.value}};
}

Result<sys::QuotaLimits> limits_from_json(const JsonObject& record, std::string_view key) {
    const auto value = record.find(key);
    if (!value) {
        return fail(Code::malformed_input, std::string(key) + " is missing");
    }
    TRY_ASSIGN(const auto object, value->object());
    sys::QuotaLimits limits;
    TRY_ASSIGN(limits.hard_bytes.value, number(object, "hardBytes"));
    TRY_ASSIGN(limits.soft_bytes.value, number(object, "softBytes"));
    TRY_ASSIGN(limits.hard_inodes.value, number(object, "hardInodes"));
    TRY_ASSIGN(limits.soft_inodes.value, number(object, "softInodes"));
    return limits;
}

Result<DiskRecord> parse(std::string_view text) {
    TRY_ASSIGN(const auto object, JsonObject::parse(text, ""));
    DiskRecord record;
    TRY_ASSIGN(record.owner, head_from_json(object));
    TRY_ASSIGN(record.hold.filesystem, object.required_string("filesystem"));
    TRY_ASSIGN(record.hold.id, project_id(object));
    TRY_ASSIGN(record.hold.upper, object.required_string("upper"));
    TRY_ASSIGN(record.hold.found, limits_from_json(object, "found"));
    TRY_ASSIGN(record.hold.limits, limits_from_json(object, "limits"));
    return record;
}

Result<UniqueFd> open_directory(const std::string& path, const std::string& name, IfMissing if_missing) {
    TRY_ASSIGN(const auto top, open_private_directory(sys::working_directory, path, if_missing));
    return open_private_directory(top.borrow(), name, if_missing);
}

bool is_missing(const Error& error) { return error.number == ENOENT; }

// Whatever it is.
Result<bool> is_there(BorrowedFd directory, const std::string& name) {
    const auto file = sys::open_at(directory, name, O_PATH | O_NOFOLLOW);
    return file || is_missing(file.error()) ? Result<bool>(file.has_value()) : std::unexpected(file.error());
}

// A read-only file system refuses as well to remove what is not there.
Result<void> remove_if_there(BorrowedFd directory, const std::string& name) {
    auto removed = sys::unlink_at(directory, name);
    if (!removed && removed.error().number == EROFS) {
        TRY_ASSIGN(const auto there, is_there(directory, name));
        return there ? std::move(removed) : Result<void>{};
    }
    return !removed && is_missing(removed.error()) ? Result<void>{} : std::move(removed);
}

std::optional<ProjectId> to_id(std::string_view text) {
    const auto number = parse_unsigned(text);
    const bool fits = number && *number > 0 && *number < std::numeric_limits<ProjectId>::max();
    return fits ? std::optional(static_cast<ProjectId>(*number)) : std::nullopt;
}

} // namespace

std::string to_json(const DiskRecord& record) {
    auto json = head_to_json(record.owner);
    json["filesystem"] = record.hold.filesystem;
    json["projectId"] = record.hold.id;
    json["upper"] = record.hold.upper;
    json["found"] = limits_to_json(record.hold.found);
    json["limits"] = limits_to_json(record.hold.limits);
    return to_text(json);
}

Result<DiskRecord> disk_record_from_json(std::string_view text) {
    auto record = parse(text);
    if (!record) {
        record.error().code = Code::internal;
    }
    return record;
}

DiskRecords::DiskRecords(std::string directory, std::string state_dir, Owner owner)
    : directory_(std::move(directory)), state_dir_(std::move(state_dir)), owner_(std::move(owner)) {}

template <typename T>
Result<T> DiskRecords::in_records(Result<T> result) const {
    return in_context("disk record in " + directory_ + "/disk", std::move(result));
}

Result<std::optional<DiskRecord>> DiskRecords::read_named(const std::string& name) const {
    const auto directory = open_directory(directory_, "disk", IfMissing::fail);
    if (!directory) {
        return is_missing(directory.error()) ? Result<std::optional<DiskRecord>>(std::nullopt)
                                             : std::unexpected(directory.error());
    }
    TRY_ASSIGN(const auto text, in_records(read_private_file(directory->borrow(), name, longest_record)));
    if (!text) {
        return std::nullopt;
    }
    auto record = disk_record_from_json(*text);
    if (record && name_of(record->hold.filesystem, record->hold.id) != name) {
        record = fail(Code::internal, "it is another id's");
    }
    if (!record) {
        return fail(record.error().code, "disk record " + directory_ + "/disk/" + name + ": " + record.error().what +
                                             "; take the limits off that id, if it has any, and remove the record");
    }
    return record;
}

Result<std::optional<DiskRecord>> DiskRecords::read(const std::string& filesystem, ProjectId id) const {
    return read_named(name_of(filesystem, id));
}

Result<std::optional<DiskHold>> DiskRecords::holder(const std::string& filesystem, ProjectId id) {
    TRY_ASSIGN(auto record, read(filesystem, id));
    if (!record) {
        return std::nullopt;
    }
    if (record->owner != predecessor_) {
        TRY_ASSIGN(record->hold.alive, is_alive(record->owner));
    }
    return std::move(record->hold);
}

Result<bool> DiskRecords::mentions(const std::string& filesystem, ProjectId id) {
    const auto directory = open_directory(directory_, "disk", IfMissing::fail);
    if (!directory) {
        return is_missing(directory.error()) ? Result<bool>(false) : std::unexpected(directory.error());
    }
    return in_records(is_there(directory->borrow(), name_of(filesystem, id)));
}

Result<void> DiskRecords::remember(const DiskHold& hold) {
    TRY_ASSIGN(const auto directory, open_directory(directory_, "disk", IfMissing::make_synced));
    const auto text = to_json(DiskRecord{.owner = owner_, .hold = hold});
    const auto name = name_of(hold.filesystem, hold.id);
    const auto write = [&]() -> Result<void> {
        TRY_ASSIGN(const auto earlier, sys::lock_named_at(directory.borrow(), name, lock_deadline_ms));
        const auto known = earlier ? read_named(name) : Result<std::optional<DiskRecord>>(std::nullopt);
        return known && *known && (*known)->hold.same_as(hold)
                   ? sys::replace_file_at(directory.borrow(), name, text)
                   : sys::replace_file_synced_at(directory.borrow(), name, text);
    };
    return in_records(write());
}

Result<void> DiskRecords::forget(const std::string& filesystem, ProjectId id) {
    const auto directory = open_directory(directory_, "disk", IfMissing::fail);
    if (!directory) {
        return is_missing(directory.error()) ? Result<void>{} : std::unexpected(directory.error());
    }
    const auto name = name_of(filesystem, id);
    TRY(in_records(remove_if_there(directory->borrow(), name)));
    return in_records(remove_if_there(directory->borrow(), sys::temporary_name(name)));
}

std::optional<ProjectId> DiskRecords::hint(const std::string& filesystem) {
    const auto directory = open_directory(state_dir_, "hints", IfMissing::fail);
    const auto text = directory ? read_private_file(directory->borrow(), filesystem, longest_number)
                                : std::unexpected(directory.error());
    return text && *text ? to_id(**text) : std::nullopt;
}

void DiskRecords::set_hint(const std::string& filesystem, ProjectId id) {
    const auto directory = open_directory(state_dir_, "hints", IfMissing::make);
    if (directory && sys::lock_exclusively(directory->borrow(), 0)) { // else another one gives a hint just now
        static_cast<void>(sys::replace_file_at(directory->borrow(), filesystem, std::to_string(id)));
    }
}

namespace {
Result<std::optional<ProjectId>> read_mark(BorrowedFd marks, const std::string& filesystem) {
    TRY_ASSIGN(const auto text, read_private_file(marks, filesystem, longest_number));
    const auto id = text ? to_id(*text) : std::nullopt;
    if (text && !id) {
        return fail(Code::internal, std::string(disk_directory) + "/marks/" + filesystem +
                                        " is damaged; remove it when no container of docker's has a disk limit");
    }
    return id;
}
} // namespace

Result<std::optional<ProjectId>> DiskRecords::mark(const std::string& filesystem) {
    const auto directory = open_directory(directory_, "marks", IfMissing::fail);
    if (!directory) {
        return is_missing(directory.error()) ? Result<std::optional<ProjectId>>(std::nullopt)
                                             : std::unexpected(directory.error());
    }
    return read_mark(directory->borrow(), filesystem);
}

Result<void> DiskRecords::lower_mark(const std::string& filesystem, ProjectId id) {
    TRY_ASSIGN(const auto directory, open_directory(directory_, "marks", IfMissing::make_synced));
    TRY(in_context("marks of project ids", sys::lock_exclusively(directory.borrow(), lock_deadline_ms)));
    TRY_ASSIGN(const auto lowest, read_mark(directory.borrow(), filesystem));
    if (lowest && *lowest <= id) {
        return {};
    }
    return sys::replace_file_synced_at(directory.borrow(), filesystem, std::to_string(id));
}

namespace {
// As createRuntime does from before it looks at the layer's id until it is done; where the layer is gone nobody does.
Result<UniqueFd> lock_layer(const std::string& upper) {
    auto directory = sys::open_at(sys::working_directory, upper, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!directory) {
        const int number = directory.error().number;
        const bool gone = number == ENOENT || number == ENOTDIR || number == ELOOP;
        return gone ? Result<UniqueFd>(UniqueFd()) : std::unexpected(directory.error());
    }
    TRY(in_context("the layer", sys::lock_exclusively(directory->borrow(), lock_deadline_ms)));
    return directory;
}

Result<void> require_released(Result<resources::Released> released, const std::string& filesystem) {
    TRY(released);
    if (*released == resources::Released::done) {
        return {};
    }
    const bool gone = *released == resources::Released::disk_not_here;
    return fail(Code::system, "the disk " + filesystem +
                                  (gone ? " is not mounted, or read-only; mount it for writing, or forget it with "
                                          "bulkhead gc --forget "
                                        : " is there more than once, and it cannot be told which one it is; "
                                          "unmount the clones, or forget it with bulkhead gc --forget ") +
                                  filesystem);
}
} // namespace

Result<void> DiskRecords::can_release(const DiskRecord& record) {
    return require_released(resources::can_release_disk(record.hold), record.hold.filesystem);
}

// One at a time: where the layer is gone, poststop and gc could both take the id for the old container's.
Result<std::optional<DiskRecords::Locked>> DiskRecords::lock_if_still(const DiskRecord& record) const {
    TRY_ASSIGN(const auto directory, open_directory(directory_, "disk", IfMissing::make_synced));
    const auto name = name_of(record.hold.filesystem, record.hold.id);
    TRY_ASSIGN(auto lock,
               in_context("disk record " + name, sys::lock_named_at(directory.borrow(), name, lock_deadline_ms)));
    TRY_ASSIGN(auto now, read(record.hold.filesystem, record.hold.id));
    if (!lock || !now || now->owner != record.owner) {
        return std::nullopt;
    }
    return Locked{.file = *std::move(lock), .record = *std::move(now)};
}

Result<bool> DiskRecords::forget_if_still(const DiskRecord& record) {
    TRY_ASSIGN(const auto lock, lock_if_still(record));
    if (lock) {
        TRY(forget(record.hold.filesystem, record.hold.id));
    }
    return lock.has_value();
}

Result<void> DiskRecords::release(const DiskRecord& record) {
    TRY_ASSIGN(const auto layer, lock_layer(record.hold.upper));
    TRY_ASSIGN(const auto locked, lock_if_still(record));
    if (!locked) {
        return {};
    }
    TRY_ASSIGN(const auto status, sys::status_of(locked->file.borrow()));
    TRY(require_released(resources::release_disk(locked->record.hold, status.device), record.hold.filesystem));
    TRY(forget(record.hold.filesystem, record.hold.id));
    // The last one that was given out; a lower one would have the next search look through all above it. gc drops
    // hints.
    if (hint(record.hold.filesystem) == record.hold.id + 1) {
        set_hint(record.hold.filesystem, record.hold.id);
    }
    return {};
}

void DiskRecords::drop_hints() {
    const auto directory = open_directory(state_dir_, "hints", IfMissing::fail);
    const auto names = directory ? sys::list_directory(directory->borrow()) : std::unexpected(directory.error());
    for (const auto& name : names.value_or(std::vector<std::string>{})) {
        static_cast<void>(sys::unlink_at(directory->borrow(), name));
    }
}

namespace {
bool is_temporary(const std::string& name) { return name.starts_with('.'); }

// Nothing where there is no directory.
Result<std::vector<std::string>> list(const Result<UniqueFd>& directory) {
    if (!directory) {
        return is_missing(directory.error()) ? Result<std::vector<std::string>>() : std::unexpected(directory.error());
    }
    return sys::list_directory(directory->borrow());
}
} // namespace

Result<std::vector<std::string>> DiskRecords::names() const {
    TRY_ASSIGN(auto names, list(open_directory(directory_, "disk", IfMissing::fail)));
    std::erase_if(names, is_temporary);
    return names;
}

namespace {
// One that takes the place of a record is written under that record's lock, else under its own.
Result<void> remove_if_abandoned(BorrowedFd directory, const std::string& temporary) {
    const auto record = sys::lock_named_at(directory, sys::name_of_temporary(temporary), 0);
    if (!record) {
        return record.error().code == Code::busy ? Result<void>{} : std::unexpected(record.error());
    }
    TRY(sys::remove_abandoned_at(directory, temporary));
    return {};
}
} // namespace

Result<void> DiskRecords::remove_abandoned() {
    const auto directory = open_directory(directory_, "disk", IfMissing::fail);
    TRY_ASSIGN(const auto names, list(directory));
    for (const auto& name : names) {
        if (is_temporary(name)) {
            TRY(remove_if_abandoned(directory->borrow(), name));
        }
    }
    return {};
}

} // namespace bulkhead::ledger
