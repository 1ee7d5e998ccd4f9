// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/resources/disk_book.h"
#include "runtime/resources/layer.h"
#include "runtime/sys/procfs.h"
#include "support/disk.h"

#include <algorithm>
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
        const auto found = holds.find({filesystem, id});
        return found == holds.end() ? std::nullopt : std::optional(found->second);
    }
    Result<void> remember(const resources::DiskHold& hold) override {
        TRY(answer());
        holds[{hold.filesystem, hold.id}] = hold;
        return {};
    }
    Result<void> forget(const std::string& filesystem, sys::ProjectId id) override {
        TRY(answer());
        holds.erase({filesystem, id});
        return {};
    }
    std::optional<sys::ProjectId> hint(const std::string&) override { return hinted; }
    void set_hint(const std::string&, sys::ProjectId id) override { hinted = id; }
    Result<std::optional<sys::ProjectId>> mark(const std::string&) override {
        TRY(answer());
        return lowest;
    }
    Result<void> lower_mark(const std::string&, sys::ProjectId id) override {
        TRY(answer());
        lowest = lowest ? std::min(*lowest, id) : id;
        return {};
    }

    std::map<Place, resources::DiskHold> holds;
    std::optional<sys::ProjectId> hinted;
    std::optional<sys::ProjectId> lowest; // the mark
    int answers_left = -1;                // before it fails; -1: for ever

private:
    Result<void> answer() {
        return answers_left < 0 || answers_left-- > 0 ? Result<void>{} : fail(Code::system, "the book is lost");
    }
};

} // namespace bulkhead::test
