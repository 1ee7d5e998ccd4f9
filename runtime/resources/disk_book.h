// SPDX-License-Identifier: Apache-2.0
// What the walls of the disk ask of whoever remembers: the ledger, which this folder does not know.
#pragma once

#include "runtime/base/error.h"
#include "runtime/sys/project.h"
#include "runtime/sys/quota.h"

#include <optional>
#include <string>

namespace bulkhead::resources {

// One project id of one file system while a container of ours has it, and for as long as a limit of ours may be on it:
// quotas outlive a power loss.
struct DiskHold {
    std::string filesystem; // UUID
    sys::ProjectId id = 0;
    std::string upper;       // path of the upper layer that carries it
    sys::QuotaLimits found;  // what was there before us, and is put back
    sys::QuotaLimits limits; // ours
    bool alive = false;      // the container runs; not part of what is remembered

    // Whether the same is remembered.
    [[nodiscard]] bool same_as(const DiskHold& other) const {
        return filesystem == other.filesystem && id == other.id && upper == other.upper && found == other.found &&
               limits == other.limits;
    }
};

class DiskBook {
public:
    DiskBook() = default;
    DiskBook(const DiskBook&) = delete;
    DiskBook(DiskBook&&) = delete;
    DiskBook& operator=(const DiskBook&) = delete;
    DiskBook& operator=(DiskBook&&) = delete;
    virtual ~DiskBook() = default;

    // Who was last known to have the id; nullopt: nobody of ours.
    [[nodiscard]] virtual Result<std::optional<DiskHold>> holder(const std::string& filesystem, sys::ProjectId id) = 0;
    // Whether anything is written down of the id, be it legible or not. An error is of the book as a whole.
    [[nodiscard]] virtual Result<bool> mentions(const std::string& filesystem, sys::ProjectId id) = 0;
    // On disk, and synced, when it returns. Replaces what was known of the id. Where that was the same, and only its
    // owner is another, it is not synced: after a loss of power either will do.
    [[nodiscard]] virtual Result<void> remember(const DiskHold& hold) = 0;
    [[nodiscard]] virtual Result<void> forget(const std::string& filesystem, sys::ProjectId id) = 0;

    // Where to begin looking for a free id. It may be wrong, which costs time and nothing else.
    [[nodiscard]] virtual std::optional<sys::ProjectId> hint(const std::string& filesystem) = 0;
    virtual void set_hint(const std::string& filesystem, sys::ProjectId id) = 0;
    // The lowest id that a layer in a home of docker's ever got on this file system; nullopt: none did.
    [[nodiscard]] virtual Result<std::optional<sys::ProjectId>> mark(const std::string& filesystem) = 0;
    // On disk, and synced, when it returns. One that is not lower changes nothing.
    [[nodiscard]] virtual Result<void> lower_mark(const std::string& filesystem, sys::ProjectId id) = 0;
};

} // namespace bulkhead::resources
