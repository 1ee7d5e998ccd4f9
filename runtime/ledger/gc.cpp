// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/gc.h"

#include "runtime/ledger/counters.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/release.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/ledger/store.h"

#include <algorithm>
#include <utility>

namespace bulkhead::ledger {

namespace {

using Kind = GcItem::Kind;
using Outcome = GcItem::Outcome;

class Collection {
public:
    Collection(const std::string& disk_dir, const std::string& state_dir, const GcOptions& options)
        : disks_(disk_dir, state_dir), segments_(state_dir), options_(options) {}

    Result<void> take_receipts(const Store& store) {
        TRY_ASSIGN(const auto ids, store.ids());
        for (const auto& id : ids) {
            const auto entries = store.entries_of(id);
            if (!entries && entries.error().code != Code::busy) { // busy: a hook works on it
                add(Kind::receipt, Outcome::failed, id, "containers/" + id, entries.error().what);
            }
            for (const auto& entry : entries.value_or(std::vector<Entry>{})) {
                take_receipt(entry, id);
            }
            if (entries && entries->empty() && !options_.dry_run) {
                static_cast<void>(store.remove_leftovers(id)); // a directory at most: the next gc sees it again
            }
        }
        return {};
    }

    void take_all_records() {
        if (const auto taken = take_records(); !taken) {
            add(Kind::disk_record, Outcome::failed, "", "disk", taken.error().what);
        }
    }

    void take_all_segments() {
        if (const auto taken = take_segments(); !taken) {
            add(Kind::segment, Outcome::failed, "", "segments", taken.error().what);
        }
    }

    // Of which there are no items: what went is told by the receipt.
    [[nodiscard]] const ReleasedRecords& with_receipts() const { return with_receipts_; }
    std::vector<GcItem> items() && { return std::move(items_); }

private:
    Result<void> take_records() {
        TRY_ASSIGN(const auto names, disks_.names());
        for (const auto& name : names) {
            take_record(name);
        }
        if (options_.forget && !forget_seen_) {
            add(Kind::disk_record, Outcome::failed, "", "disk/" + *options_.forget,
                "no disk record names that file system; it is the disk's UUID");
        }
        if (options_.dry_run) {
            return {};
        }
        disks_.drop_hints();
        return disks_.remove_abandoned();
    }

    // Those of which every member died without leaving, and what was never finished.
    Result<void> take_segments() {
        TRY_ASSIGN(const auto places, segments_.places());
        for (const auto& place : places) {
            const auto name = "segments/" + place.path();
            const bool keep = !options_.keep || (place.scope == "node" &&
                                                 std::ranges::find(*options_.keep, place.name) != options_.keep->end());
            const auto done = segments_.collect(place, keep, options_.dry_run);
            add_collected(name, done);
        }
        TRY(take_remains());
        return options_.dry_run ? Result<void>{} : segments_.tidy();
    }

    // After the segments, as some of those may have come to it.
    Result<void> take_remains() {
        TRY_ASSIGN(const auto all, segments_.remains());
        for (const auto& remains : all) {
            add_collected("segments/" + remains.scope + "/" + remains.name,
                          segments_.collect_remains(remains, options_.dry_run));
        }
        return {};
    }

    void add_collected(const std::string& name, const Result<bool>& done) {
        const bool at_work = !done && done.error().code == Code::busy; // a hook, or another gc, is
        if (!at_work && (!done || *done)) {
            add_released(Kind::segment, "", name, done ? Result<void>{} : std::unexpected(done.error()));
        }
    }

    void take_receipt(const Entry& entry, const std::string& id) {
        const auto name = "containers/" + entry.name();
        const auto receipt = entry.read();
        const auto alive = receipt && *receipt ? is_alive(**receipt) : Result<bool>(true);
        forget_seen_ |= receipt && *receipt && (*receipt)->disk && (*receipt)->disk->filesystem == options_.forget;
        if (!receipt || !alive) {
            add(Kind::receipt, Outcome::failed, id, name, receipt ? alive.error().what : receipt.error().what);
        } else if (!*alive) {
            const auto done = options_.dry_run ? can_release(**receipt) : release_and_remove(entry, **receipt);
            add_released(Kind::receipt, id, name, done);
        }
    }

    // Of the disk alone it can be told beforehand.
    [[nodiscard]] Result<void> can_release(const Receipt& receipt) const {
        if (!receipt.disk) {
            return {};
        }
        TRY_ASSIGN(const auto record, disks_.read(receipt.disk->filesystem, receipt.disk->id));
        return record ? in_context("disk", DiskRecords::can_release(*record)) : Result<void>{};
    }

    Result<void> release_and_remove(const Entry& entry, const Receipt& receipt) {
        TRY_ASSIGN(const auto released, release(receipt, disks_, segments_));
        with_receipts_.disks += released.disks;
        with_receipts_.segments += released.segments;
        return entry.remove();
    }

    void take_record(const std::string& file) {
        const auto name = "disk/" + file;
        const auto record = disks_.read_named(file);
        const auto alive = record && *record ? is_alive((*record)->owner) : Result<bool>(true);
        if (!record || !alive) {
            add(Kind::disk_record, Outcome::failed, "", name, record ? alive.error().what : record.error().what);
            return;
        }
        forget_seen_ |= *record && (*record)->hold.filesystem == options_.forget;
        if (!*alive) {
            take_dead_record(**record, name);
        }
    }

    void take_dead_record(const DiskRecord& record, const std::string& name) {
        const auto done = options_.dry_run ? DiskRecords::can_release(record) : disks_.release(record);
        if (!done && done.error().code != Code::busy && options_.forget == record.hold.filesystem) {
            const auto gone = options_.dry_run ? Result<bool>(true) : disks_.forget_if_still(record);
            if (!gone || *gone) {
                add(Kind::disk_record, gone ? Outcome::forgotten : Outcome::kept, record.owner.id, name,
                    gone ? "" : gone.error().what);
            }
            return;
        }
        add_released(Kind::disk_record, record.owner.id, name, done);
    }

    void add_released(Kind kind, const std::string& container, const std::string& name, const Result<void>& done) {
        add(kind, done ? Outcome::released : Outcome::kept, container, name, done ? "" : done.error().what);
    }

    void add(Kind kind, Outcome outcome, std::string container, std::string name, std::string why) {
        items_.push_back({.kind = kind,
                          .outcome = outcome,
                          .container = std::move(container),
                          .name = std::move(name),
                          .why = std::move(why)});
    }

    DiskRecords disks_;
    SegmentRecords segments_;
    const GcOptions& options_;
    bool forget_seen_ = false; // a receipt or record of the file system to forget
    ReleasedRecords with_receipts_;
    std::vector<GcItem> items_;
};

} // namespace

Result<std::vector<GcItem>> collect_garbage(const std::string& state_dir, const std::string& disk_dir,
                                            const GcOptions& options) {
    Collection collection(disk_dir, state_dir, options);
    TRY_ASSIGN(const auto store, Store::open(state_dir));
    if (store) {
        TRY(collection.take_receipts(*store));
    }
    collection.take_all_records();
    if (store) {
        collection.take_all_segments();
    }
    const auto with_receipts = collection.with_receipts();
    auto items = std::move(collection).items();
    if (store && !options.dry_run) {
        count_releases(*store, items, with_receipts);
    }
    return items;
}

} // namespace bulkhead::ledger
