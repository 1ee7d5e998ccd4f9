// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/resources/disk_book.h"
#include "runtime/resources/disk_quota.h"
#include "runtime/resources/layer.h"
#include "runtime/sys/procfs.h"
#include "support/disk.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace bulkhead::test {

inline sys::Process this_process() { return sys::Process::open(::getpid()).value(); }

// An overlay such as an engine makes: HOME/NAME/{diff,work,merged} on a disk.
class FakeLayer {
public:
    explicit FakeLayer(Disk& disk, const std::string& name = "a", const std::string& home = "overlay") : disk_(disk) {
        top_ = disk.path(home + "/" + name);
        for (const std::string part : {"diff", "work", "merged", "lower"}) {
            std::filesystem::create_directories(path(part));
        }
    }

    bool mount() {
        return disk_.overlay(path("merged"),
                             "lowerdir=" + path("lower") + ",upperdir=" + path("diff") + ",workdir=" + path("work"));
    }
    [[nodiscard]] std::string path(const std::string& name = "") const {
        return name.empty() ? top_ : top_ + "/" + name;
    }
    [[nodiscard]] std::string merged(const std::string& name = "") const { return path("merged/" + name); }

    [[nodiscard]] Result<resources::Layer> find(const std::string& below = "") const {
        const auto root = open_directory(merged(below));
        return resources::Layer::find(root.borrow(), process_);
    }
    [[nodiscard]] resources::Layer get() const { return find().value(); }

private:
    Disk& disk_;
    std::string top_;
    sys::Process process_ = this_process();
};

// What the ledger does, in memory.
class FakeBook final : public resources::DiskBook {
public:
    using Place = std::pair<std::string, sys::ProjectId>;

    Result<std::optional<resources::DiskHold>> holder(const std::string& filesystem, sys::ProjectId id) override {
        TRY(answer());
        if (id == damaged) {
            return fail(Code::internal, "damaged");
        }
        const auto found = holds.find({filesystem, id});
        return found == holds.end() ? std::nullopt : std::optional(found->second);
    }
    Result<bool> mentions(const std::string& filesystem, sys::ProjectId id) override {
        TRY(answer());
        return id == damaged || holds.contains({filesystem, id});
    }
    Result<void> remember(const resources::DiskHold& hold) override {
        TRY(answer());
        holds[{hold.filesystem, hold.id}] = hold;
        return fails_late ? fail(Code::system, "the book is lost") : Result<void>{};
    }
    Result<void> forget(const std::string& filesystem, sys::ProjectId id) override {
        TRY(answer());
        holds.erase({filesystem, id});
        return {};
    }
    std::optional<sys::ProjectId> hint(const std::string& /*filesystem*/) override { return hinted; }
    void set_hint(const std::string& /*filesystem*/, sys::ProjectId id) override { hinted = id; }
    Result<std::optional<sys::ProjectId>> mark(const std::string& /*filesystem*/) override {
        TRY(answer());
        return lowest;
    }
    Result<void> lower_mark(const std::string& /*filesystem*/, sys::ProjectId id) override {
        TRY(answer());
        lowest = lowest ? std::min(*lowest, id) : id;
        return {};
    }

    std::map<Place, resources::DiskHold> holds;
    std::optional<sys::ProjectId> hinted;
    std::optional<sys::ProjectId> lowest;  // the mark
    std::optional<sys::ProjectId> damaged; // has a record that cannot be read
    int answers_left = -1;                 // before it fails; -1: for ever
    bool fails_late = false;               // once it has remembered

private:
    Result<void> answer() {
        return answers_left < 0 || answers_left-- > 0 ? Result<void>{} : fail(Code::internal, "the book is lost");
    }
};

inline const auto needs_xfs = doctest::skip(!can_mount_xfs());
inline const auto needs_ext4 = doctest::skip(!can_mount_ext4());
inline const auto needs_xfs_quota = doctest::skip(!can_limit_xfs());
inline const auto needs_ext4_quota = doctest::skip(!can_limit_ext4());

inline sys::QuotaLimits limits(std::uint64_t hard_bytes, std::uint64_t soft_bytes, std::uint64_t hard_inodes,
                               std::uint64_t soft_inodes) {
    return {.hard_bytes = Bytes{hard_bytes},
            .soft_bytes = Bytes{soft_bytes},
            .hard_inodes = Count{hard_inodes},
            .soft_inodes = Count{soft_inodes}};
}

inline std::string to_text(const sys::QuotaLimits& some) {
    return std::to_string(some.hard_bytes.value) + " " + std::to_string(some.soft_bytes.value) + " " +
           std::to_string(some.hard_inodes.value) + " " + std::to_string(some.soft_inodes.value);
}

inline resources::DiskRequest size_of(std::uint64_t size) {
    return {.size = Bytes{size}, .inodes = {}, .most_inodes = {}, .files = {}};
}
inline resources::DiskRequest inodes_of(std::uint64_t inodes) {
    return {.size = {}, .inodes = Count{inodes}, .most_inodes = {}, .files = {}};
}
inline resources::DiskRequest both_of(std::uint64_t size, std::uint64_t inodes) {
    return {.size = Bytes{size}, .inodes = Count{inodes}, .most_inodes = {}, .files = {}};
}

// Layer "a" of a home, mounted.
inline std::string on_layer(const std::string& options, const std::function<void(Findings&, Disk&, FakeLayer&)>& body,
                            DiskKind kind = DiskKind::xfs) {
    return on_disk(kind, options, [&](Findings& findings, Disk& disk) {
        FakeLayer fake(disk);
        findings.expect(fake.mount(), "overlay");
        body(findings, disk, fake);
    });
}

inline std::string refusal(Findings& findings, const Result<void>& refused, Code code = Code::unsupported) {
    findings.expect(!refused && refused.error().code == code, "not refused, or not with that code");
    return what_of(refused);
}

} // namespace bulkhead::test
