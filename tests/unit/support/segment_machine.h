// SPDX-License-Identifier: Apache-2.0
// A machine of a test's own where processes that do nothing are members of segments, with real mounts.
#pragma once

#include "runtime/ledger/gc.h"
#include "runtime/ledger/segment_records.h"
#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "support/own_machine.h"

#include <doctest/doctest.h>
#include <numeric>
#include <set>
#include <sstream>
#include <string>

namespace bulkhead::test {

inline const policy::SegmentPlace place{.scope = "k8s/prod", .name = "x"};

inline policy::SegmentPlan plan(const std::string& options, const policy::SegmentPlace& where = place) {
    auto request =
        oci::parse_request({{.key = "io.bulkhead.segment." + where.name, .value = "path=/x," + options}}, "web");
    auto asked = request.value().segments().at(0);
    policy::SegmentPlan plan{
        .asked = asked, .place = where, .size = asked.options.size, .inodes = asked.options.inodes, .total = {}};
    return plan;
}

// A state directory on a shared mount, as systemd's /run is.
struct Machine {
    explicit Machine(Findings& found) : findings(found) {
        findings.expect(mount_tmpfs(directory.path("run"), "run", "mode=755"), "mount run");
        findings.expect(::mount(nullptr, directory.path("run").c_str(), nullptr, MS_SHARED, nullptr) == 0, "shared");
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine() { static_cast<void>(::umount2(directory.path("run").c_str(), MNT_DETACH)); }

    [[nodiscard]] std::string state(const std::string& path = "") const { return directory.path("run/state") + path; }
    [[nodiscard]] static ledger::Owner owner(const IdleProcess& process) {
        return {.id = "c" + std::to_string(process.pid()),
                .bundle = "/b",
                .process = sys::Process::open(process.pid())->identity(),
                .boot_id = sys::boot_id().value()};
    }
    [[nodiscard]] ledger::SegmentRecords records(const IdleProcess& process) const {
        return ledger::SegmentRecords(state(), owner(process), "containers/c/h.json");
    }
    // Joins; "" or what went wrong.
    [[nodiscard]] std::string join(const IdleProcess& process, const policy::SegmentPlan& wanted) const {
        auto book = records(process);
        const auto mount = book.join(wanted, "");
        return mount ? "" : mount.error().what;
    }
    void leave(const IdleProcess& process, const policy::SegmentPlace& where = place) const {
        auto book = records(process);
        const auto left = book.leave(where);
        findings.expect_equal(left ? "" : left.error().what, "");
    }
    // "MODE SIZE" of the segment's tmpfs, or "none".
    [[nodiscard]] std::string tmpfs(const policy::SegmentPlace& where = place) const {
        const auto root =
            sys::open_at(sys::working_directory, state("/segments/" + where.path()), O_PATH | O_DIRECTORY);
        const auto there = root ? sys::place_of(root->borrow()) : std::unexpected(root.error());
        return there && there->mount_root ? std::to_string(sys::tmpfs_use(root->borrow())->size.value) : "none";
    }
    [[nodiscard]] std::size_t mounts() const {
        const auto text = read_file("/proc/self/mountinfo");
        std::size_t count = 0;
        for (auto at = text.find(state()); at != std::string::npos; at = text.find(state(), at + 1)) {
            ++count;
        }
        return count;
    }
    [[nodiscard]] std::size_t shared_mounts() const {
        std::istringstream text(read_file("/proc/self/mountinfo"));
        std::size_t count = 0;
        for (std::string line; std::getline(text, line);) {
            count += line.contains(state()) && line.contains(" shared:") ? 1U : 0U;
        }
        return count;
    }
    // What gc releases, sorted.
    [[nodiscard]] std::string garbage(bool dry_run) const {
        const auto items =
            ledger::collect_garbage(state(), directory.path("disk"), {.dry_run = dry_run, .forget = {}, .keep = {}});
        std::set<std::string> names;
        for (const auto& item : items.value()) {
            findings.expect(item.outcome == ledger::GcItem::Outcome::released, item.why);
            names.insert(item.name);
        }
        return std::accumulate(names.begin(), names.end(), std::string(),
                               [](const auto& text, const auto& name) { return text + name + " "; });
    }
    void expect_nothing_left() const {
        findings.expect(!std::filesystem::exists(state("/segments")), "segments is left");
        findings.expect_equal(std::to_string(mounts()), "0");
    }

    TemporaryDirectory directory;
    Findings& findings;
};

template <typename Body>
bool holds(Body body) {
    const auto found = as_init([&](Findings& findings) {
        const Machine machine(findings);
        body(findings, machine);
    });
    CHECK(found.substr(0, found.find_last_not_of('\n') + 1) == "");
    return is_well(found);
}

} // namespace bulkhead::test
