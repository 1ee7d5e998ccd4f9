// SPDX-License-Identifier: Apache-2.0
// What is known of project ids that a limit of ours may be on. Quotas outlive a power loss and /run does not, so these
// lie in /var/lib/bulkhead:
//
//   disk/UUID-ID.json   a disk record: synced before the limit is set, removed when it is given back
//   marks/UUID          the lowest id that a layer in a home of docker's got
//
// and, in the state directory, hints/UUID: where the next free id may be. Marks and hints belong to no container, and
// there is one of each for a file system.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/ledger/owner.h"
#include "runtime/resources/disk_book.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::ledger {

inline constexpr auto disk_directory = "/var/lib/bulkhead";

struct DiskRecord {
    Owner owner;
    resources::DiskHold hold; // `alive` is not kept
};

[[nodiscard]] std::string to_json(const DiskRecord& record);
// Code::internal for what to_json() did not write.
[[nodiscard]] Result<DiskRecord> disk_record_from_json(std::string_view text);

// The book of one owner: what it remembers, it remembers as that owner's. Directories are made when something is to be
// written. Errors: Code::system, or Code::internal for files that are not root's alone or not ours.
class DiskRecords final : public resources::DiskBook {
public:
    DiskRecords(std::string directory, std::string state_dir, Owner owner = {});

    // What `predecessor` holds is this owner's to take over, though it lives: the runtime that the shim became.
    void succeed(Owner predecessor) { predecessor_ = std::move(predecessor); }

    [[nodiscard]] Result<std::optional<resources::DiskHold>> holder(const std::string& filesystem,
                                                                    sys::ProjectId id) override;
    [[nodiscard]] Result<bool> mentions(const std::string& filesystem, sys::ProjectId id) override;
    [[nodiscard]] Result<void> remember(const resources::DiskHold& hold) override;
    [[nodiscard]] Result<void> forget(const std::string& filesystem, sys::ProjectId id) override;
    [[nodiscard]] std::optional<sys::ProjectId> hint(const std::string& filesystem) override;
    void set_hint(const std::string& filesystem, sys::ProjectId id) override;
    [[nodiscard]] Result<std::optional<sys::ProjectId>> mark(const std::string& filesystem) override;
    [[nodiscard]] Result<void> lower_mark(const std::string& filesystem, sys::ProjectId id) override;

    [[nodiscard]] Result<std::optional<DiskRecord>> read(const std::string& filesystem, sys::ProjectId id) const;
    // Gives the limits back and removes the record, unless the id has a new owner by now, which may be taking the layer
    // over at this moment: Code::busy after 3 s of waiting for it. Where the disk is not there, or cannot be told from
    // a clone, the record stays and Code::system says so.
    [[nodiscard]] Result<void> release(const DiskRecord& record);
    // Removes the record and leaves the limits. False: it is another one's by now, or gone.
    [[nodiscard]] Result<bool> forget_if_still(const DiskRecord& record);
    // Whether release() would find the disk, with what mends it; a dry run changes nothing.
    [[nodiscard]] static Result<void> can_release(const DiskRecord& record);
    // The names of all records, for read_named(); gc only.
    [[nodiscard]] Result<std::vector<std::string>> names() const;
    // Removes what is left of records that were never finished.
    [[nodiscard]] Result<void> remove_abandoned();
    [[nodiscard]] Result<std::optional<DiskRecord>> read_named(const std::string& name) const;
    // Lets the next search for a free id begin at the bottom: gc, so that ids stay dense.
    void drop_hints();

private:
    struct Locked {
        UniqueFd file;
        DiskRecord record; // as it is under the lock
    };
    // nullopt where the record is another owner's by now, or gone.
    [[nodiscard]] Result<std::optional<Locked>> lock_if_still(const DiskRecord& record) const;

    template <typename T>
    [[nodiscard]] Result<T> in_records(Result<T> result) const;

    std::string directory_;
    std::string state_dir_;
    Owner owner_;
    std::optional<Owner> predecessor_;
};

} // namespace bulkhead::ledger
