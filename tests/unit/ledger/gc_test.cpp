// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/gc.h"

#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/store.h"
#include "support/child.h"
#include "support/disk.h"
#include "support/temporary_directory.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using ledger::DiskRecords;
using ledger::GcItem;
using ledger::GcOptions;
using ledger::Owner;
using ledger::Receipt;
using ledger::Store;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);
const auto needs_xfs_quota = doctest::skip(!test::can_limit_xfs());

constexpr auto lost_disk = "no-such-uuid";
constexpr sys::ProjectId id = 4711;

Owner owner(const std::string& name, pid_t pid) {
    const auto process = sys::Process::open(pid);
    return {.id = name,
            .bundle = "/b/" + name,
            .process = process ? process->identity() : sys::ProcessIdentity{.pid = pid, .start_time = 1},
            .boot_id = sys::boot_id().value()};
}
Owner dead(const std::string& name) {
    auto owner = ::owner(name, ::getpid());
    owner.boot_id = "an earlier boot";
    return owner;
}

resources::DiskHold hold_on(const std::string& filesystem) {
    return {.filesystem = filesystem,
            .id = id,
            .upper = "/no/such/upper",
            .found = {},
            .limits = {.hard_bytes = Bytes{8U << 20U}, .soft_bytes = {}, .hard_inodes = Count{9}, .soft_inodes = {}},
            .alive = false};
}

struct Fixture {
    test::TemporaryDirectory directory;

    void add_receipt(const Owner& of, const std::string& filesystem = "") const {
        Receipt receipt;
        static_cast<Owner&>(receipt) = of;
        if (!filesystem.empty()) {
            receipt.disk = {.filesystem = filesystem, .id = id, .upper = "/no/such/upper"};
        }
        const auto store = Store::open_or_make(directory.path("state"));
        static_cast<void>(store.value().entry(of.id, of.bundle).value().write(receipt));
    }
    [[nodiscard]] DiskRecords book(const Owner& of) const {
        return {directory.path("lib"), directory.path("state"), of};
    }
    // "OUTCOME KIND of CONTAINER: WHY", in order.
    [[nodiscard]] std::string gc(const GcOptions& options = {}) const {
        const auto items = ledger::collect_garbage(directory.path("state"), directory.path("lib"), options);
        std::string text;
        for (const auto& item : items.value()) {
            constexpr const char* outcomes[] = {"released", "forgotten", "kept", "failed"};
            text += outcomes[static_cast<int>(item.outcome)];
            constexpr const char* kinds[] = {" receipt of ", " record of ", " segment of "};
            text += kinds[static_cast<int>(item.kind)];
            text += item.container + (item.why.empty() ? "" : ": " + item.why) + "\n";
        }
        return text;
    }
    [[nodiscard]] std::string files() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
            names.push_back(entry.path().string());
        }
        std::ranges::sort(names);
        std::string text;
        for (const auto& name : names) {
            text += name + "\n";
        }
        return text;
    }
};

const std::string not_mounted =
    "the disk no-such-uuid is not mounted, or read-only; mount it for writing, or forget it with bulkhead gc --forget "
    "no-such-uuid\n";

} // namespace

TEST_CASE("gc where there never was anything makes nothing (root only)" * root_only) {
    const Fixture fixture;
    CHECK(fixture.gc() == "");
    CHECK(fixture.gc({.dry_run = true, .forget = {}}) == "");
    CHECK(fixture.files() == "");
}

TEST_CASE("gc: receipts of the dead go, those of the living stay, and what cannot be read is told (root only)" *
          root_only) {
    const Fixture fixture;
    fixture.add_receipt(dead("a"));
    fixture.add_receipt(owner("b", ::getpid()));
    fixture.add_receipt(dead("c"));
    fixture.directory.write("state/containers/c/0.json", "no receipt");
    CHECK(::chmod(fixture.directory.path("state/containers/c/0.json").c_str(), 0600) == 0);
    const auto text = fixture.gc();
    CHECK(text.contains("released receipt of a\n"));
    CHECK(text.contains("released receipt of c\n"));
    CHECK(text.contains("failed receipt of c: receipt "));
    CHECK(std::ranges::count(text, '\n') == 3);
    CHECK(!fixture.directory.has("state/containers/a"));
    CHECK(std::filesystem::exists(fixture.directory.path("state/containers/c/0.json")));
    CHECK(!std::filesystem::is_empty(fixture.directory.path("state/containers/b")));
}

TEST_CASE("gc: a zombie is dead (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    fixture.add_receipt(owner("web", process.pid()));
    CHECK(fixture.gc() == "");
    process.become_zombie();
    CHECK(fixture.gc() == "released receipt of web\n");
}

TEST_CASE("gc passes over what another process works on (root only)" * root_only) {
    const Fixture fixture;
    fixture.add_receipt(dead("web"));
    test::IdleProcess holder([&] {
        static auto entry = Store::open_or_make(fixture.directory.path("state"))->entry("web", "/b/web");
        return entry.has_value();
    });
    REQUIRE(holder.ready());
    CHECK(fixture.gc() == "");
    holder.end();
    CHECK(fixture.gc() == "released receipt of web\n");
}

TEST_CASE("gc: a dry run tells and leaves every file, leftovers as well (root only)" * root_only) {
    const Fixture fixture;
    fixture.add_receipt(dead("web"));
    fixture.directory.write("state/containers/killed/.0.json", "half");
    CHECK(::chmod(fixture.directory.path("state/containers/killed").c_str(), 0700) == 0);
    auto book = fixture.book(dead("web"));
    book.set_hint("some-uuid", 7);
    REQUIRE(book.remember(hold_on(lost_disk)));
    fixture.directory.write("lib/disk/.half", "half");
    const auto before = fixture.files();
    CHECK(fixture.gc({.dry_run = true, .forget = {}}) == "released receipt of web\nkept record of web: " + not_mounted);
    CHECK(fixture.files() == before);
    CHECK(fixture.gc() == "released receipt of web\nkept record of web: " + not_mounted);
    CHECK(!fixture.directory.has("state/containers/killed"));
    CHECK(!fixture.directory.has("state/hints/some-uuid"));
    CHECK(!fixture.directory.has("lib/disk/.half"));
}

TEST_CASE("gc: a receipt whose disk is gone is kept, until the disk is forgotten (root only)" * root_only) {
    const Fixture fixture;
    fixture.add_receipt(dead("web"), lost_disk);
    REQUIRE(fixture.book(dead("web")).remember(hold_on(lost_disk)));
    const auto kept = "kept receipt of web: disk: " + not_mounted + "kept record of web: " + not_mounted;
    CHECK(fixture.gc({.dry_run = true, .forget = {}}) == kept);
    CHECK(fixture.gc() == kept);
    const auto before = fixture.files();
    const auto forgotten = "kept receipt of web: disk: " + not_mounted + "forgotten record of web\n";
    CHECK(fixture.gc({.dry_run = true, .forget = lost_disk}) == forgotten);
    CHECK(fixture.files() == before);
    CHECK(fixture.gc({.dry_run = false, .forget = lost_disk}) == forgotten);
    // Once more, as the first time ended with 1: the receipt names the disk.
    CHECK(fixture.gc({.dry_run = false, .forget = lost_disk}) == "released receipt of web\n");
    CHECK(fixture.gc() == "");
}

TEST_CASE("gc keeps, and says so, what another process holds for long (root only)" * root_only) {
    const Fixture fixture;
    REQUIRE(fixture.book(dead("web")).remember(hold_on(lost_disk)));
    const test::IdleProcess holder([&] {
        static auto directory = test::open_directory(fixture.directory.path("lib/disk"));
        static auto lock = sys::lock_named_at(directory.borrow(), "no-such-uuid-4711.json", 0);
        return lock && *lock;
    });
    REQUIRE(holder.ready());
    const auto* const kept =
        "kept record of web: disk record no-such-uuid-4711.json: another bulkhead process holds it\n";
    CHECK(fixture.gc() == kept);
    CHECK(fixture.gc({.dry_run = false, .forget = lost_disk}) == kept);
}

TEST_CASE("gc forgets nothing of a layer that a container is being started on (root only)" * root_only) {
    const Fixture fixture;
    auto hold = hold_on(lost_disk);
    hold.upper = fixture.directory.path("upper");
    std::filesystem::create_directory(hold.upper);
    REQUIRE(fixture.book(dead("web")).remember(hold));
    const test::IdleProcess holder([&] {
        static auto layer = test::open_directory(hold.upper);
        return sys::lock_exclusively(layer.borrow(), 0).has_value();
    });
    REQUIRE(holder.ready());
    CHECK(fixture.gc({.dry_run = false, .forget = lost_disk}) ==
          "kept record of web: the layer: another bulkhead process holds it\n");
    CHECK(fixture.book(dead("web")).read(lost_disk, id).value());
}

TEST_CASE("gc: what is wrong with the segments keeps nothing else (root only)" * root_only) {
    const Fixture fixture;
    fixture.add_receipt(dead("web"));
    REQUIRE(fixture.book(dead("web")).remember(hold_on(lost_disk)));
    std::filesystem::create_directory(fixture.directory.path("state/segments"));
    CHECK(::chmod(fixture.directory.path("state/segments").c_str(), 0777) == 0);
    const auto text = fixture.gc();
    CHECK(text.starts_with("released receipt of web\nkept record of web: " + not_mounted + "failed segment of : "));
    CHECK(text.contains("is not root's alone to write"));
}

TEST_CASE("gc: what is wrong with the records keeps nothing else (root only)" * root_only) {
    const Fixture fixture;
    fixture.add_receipt(dead("web"));
    const auto segments = fixture.directory.path("state/segments");
    const auto records = fixture.directory.path("lib");
    for (const auto& directory : {segments, records}) {
        std::filesystem::create_directory(directory);
        CHECK(::chmod(directory.c_str(), 0777) == 0);
    }
    const std::string why =
        " is not root's alone to write; find out who changed it, then chown root and chmod go-w it\n";
    CHECK(fixture.gc() ==
          "released receipt of web\nfailed record of : " + records + why + "failed segment of : " + segments + why);
}

TEST_CASE("gc forgets no record of a living container, and says so where nothing names the disk (root only)" *
          root_only) {
    const Fixture fixture;
    REQUIRE(fixture.book(owner("web", ::getpid())).remember(hold_on(lost_disk)));
    const auto before = fixture.files();
    CHECK(fixture.gc({.dry_run = false, .forget = lost_disk}) == "");
    CHECK(fixture.files() == before);
    CHECK(fixture.gc({.dry_run = false, .forget = "other"}) ==
          "failed record of : no disk record names that file system; it is the disk's UUID\n");
}

TEST_CASE("gc gives a limit back, and never one that no record names (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(test::DiskKind::xfs, "prjquota", [](test::Findings& findings, test::Disk& disk) {
              const Fixture fixture;
              const auto hold = hold_on(test::disk_uuid());
              const auto limited = [&](sys::ProjectId of) {
                  return sys::quota_of(disk.root(), of).value().limits == hold.limits;
              };
              for (const sys::ProjectId of : {id, id + 1}) {
                  findings.expect(sys::set_quota_limits(disk.root(), of, hold.limits).has_value(), "limits");
              }
              findings.expect(fixture.book(dead("web")).remember(hold).has_value(), "record");
              findings.expect_equal(fixture.gc({.dry_run = true, .forget = {}}), "released record of web\n");
              findings.expect(limited(id), "a dry run gave it back");
              // Whoever forgets a disk that is there gets its limits back.
              findings.expect_equal(fixture.gc({.dry_run = false, .forget = test::disk_uuid()}),
                                    "released record of web\n");
              findings.expect(!limited(id) && limited(id + 1), "limits afterwards");
              findings.expect_equal(fixture.gc(), "");
          }) == "");
}
