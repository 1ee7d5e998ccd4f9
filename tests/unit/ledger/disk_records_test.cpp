// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/disk_records.h"

#include "support/child.h"
#include "support/disk.h"
#include "support/failing_call.h"
#include "support/fixture.h"

#include <algorithm>
#include <cerrno>
#include <doctest/doctest.h>
#include <set>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using ledger::disk_record_from_json;
using ledger::DiskRecord;
using ledger::DiskRecords;
using ledger::Owner;
using ledger::to_json;
using resources::DiskHold;
using sys::ProjectId;
using test::FailingCall;
using test::replaced;
using test::TemporaryDirectory;
using test::what_of;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);
const auto needs_xfs = doctest::skip(!test::can_mount_xfs());
const auto needs_xfs_quota = doctest::skip(!test::can_limit_xfs());

const auto& uuid = test::disk_uuid();

DiskHold hold(ProjectId id = 4711) {
    return {.filesystem = uuid,
            .id = id,
            .upper = "/var/lib/layers/a \"b\"/diff",
            .found = {.hard_bytes = Bytes{1}, .soft_bytes = Bytes{2}, .hard_inodes = Count{3}, .soft_inodes = Count{4}},
            .limits = {.hard_bytes = Bytes{18446744073709551615U},
                       .soft_bytes = Bytes{6},
                       .hard_inodes = Count{7},
                       .soft_inodes = Count{8}},
            .alive = false};
}

Owner owner() { return {.id = "web", .bundle = "/b", .process = {.pid = 7, .start_time = 8}, .boot_id = "boot"}; }

Owner living(pid_t pid) {
    auto owner = ::owner();
    owner.process = sys::Process::open(pid)->identity();
    owner.boot_id = sys::boot_id().value();
    return owner;
}

void check_equal(const DiskHold& a, const DiskHold& b) {
    CHECK(a.filesystem == b.filesystem);
    CHECK(a.id == b.id);
    CHECK(a.upper == b.upper);
    CHECK((a.found == b.found));
    CHECK((a.limits == b.limits));
}

std::string error_of(const std::string& text) {
    const auto record = disk_record_from_json(text);
    if (record) {
        return "";
    }
    CHECK(record.error().code == Code::internal);
    return record.error().what;
}

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

struct Fixture {
    TemporaryDirectory directory;
    std::string file = "lib/disk/" + std::string(uuid) + "-4711.json";

    Fixture() { std::filesystem::create_directory(directory.path("state")); }
    [[nodiscard]] DiskRecords book(const Owner& of = owner()) const {
        return {directory.path("lib"), directory.path("state"), of};
    }
};

} // namespace

TEST_CASE("a disk record is read as it was written") {
    const DiskRecord record{.owner = owner(), .hold = hold()};
    const auto text = to_json(record);
    const auto read = disk_record_from_json(text);
    REQUIRE(read);
    CHECK((read->owner == record.owner));
    check_equal(read->hold, record.hold);
    CHECK(!read->hold.alive);
    CHECK(to_json(*read) == text);
}

TEST_CASE("a disk record that is cut off anywhere, or changed, is Code::internal and no crash") {
    const auto text = to_json({.owner = owner(), .hold = hold()});
    for (std::size_t size = 0; size + 2 <= text.size(); ++size) {
        const std::string part = text.substr(0, size);
        CAPTURE(size);
        CHECK(error_of(part) != "");
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char byte : {'"', '\\', '{', ']', ',', '9', '\0', '\xff'}) {
            auto changed = text;
            changed[at] = byte;
            static_cast<void>(error_of(changed));
        }
    }
}

TEST_CASE("a disk record with something missing or out of range") {
    const auto text = to_json({.owner = owner(), .hold = hold()});
    for (const std::string key : {"filesystem", "projectId", "upper", "found", "limits", "hardBytes", "softBytes",
                                  "hardInodes", "softInodes", "pid"}) {
        CHECK(error_of(replaced(text, "\"" + key + "\"", "\"other\"")) == key + " is missing");
    }
    CHECK(error_of(replaced(text, "4711", "0")) == "projectId is out of range");
    CHECK(error_of(replaced(text, "4711", "4294967295")) == "projectId is out of range");
    CHECK(error_of(replaced(text, "18446744073709551615", "18446744073709551616")) ==
          "limits.hardBytes is not an integer, or out of range");
    CHECK(error_of(replaced(text, "\"formatVersion\": 1", "\"formatVersion\": 2")) == "format version 2 is not known");
    CHECK(error_of(replaced(text, "\"found\": {", "\"found\": [], \"x\": {")) == "found is not an object");
}

TEST_CASE("nothing is known where nothing was written, and asking writes nothing (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    CHECK(!book.holder(uuid, 4711).value());
    CHECK(!book.hint(uuid));
    CHECK(!book.mentions(uuid, 4711).value());
    CHECK(book.names().value().empty());
    CHECK(what_of(book.forget(uuid, 4711)) == "");
    CHECK(!fixture.directory.has("lib"));
    CHECK(!fixture.directory.has("state/hints"));
}

TEST_CASE("what is remembered is found, replaced and forgotten (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    CHECK(what_of(book.remember(hold())) == "");
    CHECK(mode_of(fixture.directory.path("lib")) == 0700);
    CHECK(mode_of(fixture.directory.path("lib/disk")) == 0700);
    CHECK(mode_of(fixture.directory.path(fixture.file)) == 0600);
    check_equal(book.holder(uuid, 4711).value().value(), hold());
    CHECK(!book.holder(uuid, 4712).value());
    CHECK(!book.holder("another", 4711).value());
    CHECK((book.read(uuid, 4711).value()->owner == owner()));
    auto changed = hold();
    changed.upper = "/other";
    changed.alive = true;
    REQUIRE(book.remember(changed));
    check_equal(book.holder(uuid, 4711).value().value(), changed);
    REQUIRE(book.remember(hold(12)));
    auto names = book.names().value();
    std::ranges::sort(names);
    CHECK((names == std::vector<std::string>{uuid + std::string("-12.json"), uuid + std::string("-4711.json")}));
    CHECK(book.read_named(names[0]).value()->hold.id == 12);
    test::write_file(fixture.directory.path("lib/disk/." + names[1] + ".tmp"), "of a killed one");
    for (int round = 0; round < 2; ++round) {
        REQUIRE(book.forget(uuid, 4711));
        CHECK(!book.holder(uuid, 4711).value());
        CHECK((book.names().value() == std::vector<std::string>{names[0]}));
    }
}

TEST_CASE("gc removes what a killed one was writing, and not what is being written (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    REQUIRE(book.remember(hold()));
    const auto record = "lib/disk/" + book.names().value().at(0);
    const auto temporary = fixture.directory.path("lib/disk/." + book.names().value().at(0) + ".tmp");
    test::write_file(temporary, "to be the record");
    {
        const UniqueFd writer(::open(fixture.directory.path(record).c_str(), O_RDONLY | O_CLOEXEC));
        REQUIRE(::flock(writer.borrow().number(), LOCK_EX) == 0);
        REQUIRE(book.remove_abandoned());
        CHECK(std::filesystem::exists(temporary));
    }
    REQUIRE(book.remove_abandoned());
    CHECK(!std::filesystem::exists(temporary));
}

TEST_CASE("a holder is alive while its process is, in this boot (root only)" * root_only) {
    const Fixture fixture;
    const test::IdleProcess process;
    const auto of = living(process.pid());
    auto book = fixture.book(of);
    REQUIRE(book.remember(hold()));
    CHECK(fixture.book().holder(uuid, 4711).value()->alive); // whoever asks
    {
        const FailingCall unknown(SYS_fstatfs, EIO);
        CHECK(!book.holder(uuid, 4711));
    }
    process.become_zombie();
    CHECK(!book.holder(uuid, 4711).value()->alive);
    auto of_another_boot = living(::getpid());
    of_another_boot.boot_id = "another";
    auto earlier = fixture.book(of_another_boot);
    REQUIRE(earlier.remember(hold()));
    CHECK(!earlier.holder(uuid, 4711).value()->alive);
}

TEST_CASE("what a predecessor that lives holds is its successor's, and only that is not synced again (root only)" *
          root_only) {
    const TemporaryDirectory directory;
    const test::IdleProcess runtime;
    const test::IdleProcess container;
    DiskRecords earlier(directory.path("lib"), directory.path("state"), living(runtime.pid()));
    REQUIRE(earlier.remember(hold()));
    DiskRecords records(directory.path("lib"), directory.path("state"), living(container.pid()));
    CHECK(records.holder(uuid, 4711).value()->alive);
    records.succeed(living(runtime.pid()));
    CHECK(!records.holder(uuid, 4711).value()->alive);
    {
        const FailingCall failing(SYS_fsync, EIO);
        CHECK(records.remember(hold()));
        auto tighter = hold();
        tighter.limits.hard_bytes = Bytes{1};
        CHECK(!records.remember(tighter));
    }
    CHECK(records.read(uuid, 4711).value()->owner == living(container.pid()));
    CHECK(earlier.holder(uuid, 4711).value()->alive); // by its new owner
}

TEST_CASE("a record is on disk when it is remembered, or the old one is (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    {
        // Of the two directories that are made their parents, of the record itself and its directory.
        const FailingCall counting(SYS_fsync, EIO, 4);
        REQUIRE(book.remember(hold()));
        CHECK(FailingCall::seen() == 4);
    }
    auto changed = hold();
    changed.upper = "/other";
    for (const long number : {long{SYS_openat}, long{SYS_write}, long{SYS_fsync}, long{SYS_renameat2}}) {
        const FailingCall failing(number, ENOSPC);
        const auto remembered = book.remember(changed);
        REQUIRE(!remembered);
        CHECK(remembered.error().number == ENOSPC);
    }
    CHECK(book.holder(uuid, 4711).value()->upper == hold().upper);
    CHECK(book.names().value().size() == 1);
    const FailingCall failing(SYS_unlinkat, EROFS);
    CHECK(book.forget(uuid, 4711).error().number == EROFS);
    CHECK(what_of(book.forget(uuid, 4712)) == ""); // a read-only file system refuses to remove what is not there, too
}

TEST_CASE("a record is there whatever it is, and nobody knows where its directory cannot be read (root only)" *
          root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    REQUIRE(book.remember(hold()));
    const auto path = fixture.directory.path(fixture.file);
    CHECK(book.mentions(uuid, 4711).value());
    CHECK(!book.mentions(uuid, 4712).value());
    REQUIRE(::unlink(path.c_str()) == 0);
    REQUIRE(::symlink("/not/there", path.c_str()) == 0);
    CHECK(book.mentions(uuid, 4711).value());
    CHECK(book.holder(uuid, 4711).error().what.starts_with("disk record in " + fixture.directory.path("lib/disk: ")));
    REQUIRE(::chmod(fixture.directory.path("lib/disk").c_str(), 0777) == 0);
    CHECK(book.mentions(uuid, 4712).error().code == Code::internal);
}

TEST_CASE("records that are damaged, another's, or not root's alone are errors with their name (root only)" *
          root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    REQUIRE(book.remember(hold()));
    const auto path = fixture.directory.path(fixture.file);
    const auto name = "disk record " + path;
    const auto refusal = [&] {
        const auto read = book.holder(uuid, 4711);
        REQUIRE(!read);
        CHECK(read.error().code == Code::internal);
        return read.error().what;
    };
    test::write_file(path, "{");
    const std::string mend = "; take the limits off that id, if it has any, and remove the record";
    CHECK(refusal() == name + ": JSON is malformed or cut off" + mend);
    test::write_file(path, to_json({.owner = owner(), .hold = hold(12)}));
    CHECK(refusal() == name + ": it is another id's" + mend);
    REQUIRE(::chmod(path.c_str(), 0666) == 0);
    CHECK(refusal().contains("-4711.json is not root's alone to write"));
    test::write_file(path, std::string((16UL << 10U) + 1, ' '));
    REQUIRE(::chmod(path.c_str(), 0600) == 0);
    CHECK(!book.holder(uuid, 4711));
    REQUIRE(::chmod(fixture.directory.path("lib/disk").c_str(), 0777) == 0);
    CHECK(refusal().contains("lib/disk is not root's alone to write"));
    CHECK(!book.remember(hold()));
    CHECK(!book.names());
}

TEST_CASE("hints are kept, and wrong ones are none (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    book.set_hint(uuid, 123);
    CHECK(book.hint(uuid) == 123U);
    CHECK(!book.hint("another"));
    book.set_hint(uuid, 4294967294U);
    CHECK(book.hint(uuid) == 4294967294U);
    const auto path = fixture.directory.path("state/hints/" + std::string(uuid));
    for (const std::string wrong : {"", "0", "-1", "x", "1 ", "4294967295", "4294967296", "123456789012345678"}) {
        test::write_file(path, wrong);
        CHECK(!book.hint(uuid));
    }
    test::write_file(path, "7");
    REQUIRE(::chmod(path.c_str(), 0666) == 0);
    CHECK(!book.hint(uuid));
}

TEST_CASE("nobody waits for a hint (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    book.set_hint(uuid, 123);
    const auto hints = test::open_directory(fixture.directory.path("state/hints"));
    REQUIRE(::flock(hints.borrow().number(), LOCK_EX) == 0);
    book.set_hint(uuid, 124);
    CHECK(book.hint(uuid) == 123U);
    const FailingCall failing(SYS_openat, EIO);
    book.set_hint(uuid, 125);
    CHECK(!book.hint(uuid));
}

TEST_CASE("a mark comes down and never goes up, each file system's by itself (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    CHECK(!book.mark(uuid).value());
    CHECK(book.lower_mark(uuid, 200));
    CHECK(book.lower_mark(uuid, 300));
    CHECK(fixture.book().mark(uuid).value() == 200U);
    CHECK(fixture.book().lower_mark(uuid, 199));
    CHECK(book.mark(uuid).value() == 199U);
    CHECK(!book.mark("another").value());
    for (const long number :
         {long{SYS_openat}, long{SYS_write}, long{SYS_fsync}, long{SYS_renameat2}, long{SYS_flock}}) {
        const FailingCall failing(number, EIO);
        CHECK(book.lower_mark(uuid, 100).error().number == EIO);
    }
    CHECK(book.mark(uuid).value() == 199U);
    test::write_file(fixture.directory.path("lib/marks/" + std::string(uuid)), "damaged");
    CHECK(book.mark(uuid).error().code == Code::internal);
    CHECK(book.lower_mark(uuid, 100).error().code == Code::internal);
}

TEST_CASE("of many processes that lower a mark at once the lowest counts (root only)" * root_only) {
    const Fixture fixture;
    std::vector<pid_t> children;
    for (ProjectId child = 0; child < 8; ++child) {
        children.push_back(::fork());
        if (children.back() == 0) {
            auto book = fixture.book();
            for (ProjectId i = 0; i < 25; ++i) {
                static_cast<void>(book.lower_mark(uuid, 1000 - (i * 8) - child));
            }
            ::_exit(0);
        }
    }
    for (const pid_t child : children) {
        test::wait_for(child);
    }
    CHECK(fixture.book().mark(uuid).value() == 801U);
}

TEST_CASE("a record whose disk is not there stays, with what mends it (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    auto gone = hold();
    gone.filesystem = "no-such-uuid";
    REQUIRE(book.remember(gone));
    const auto released = book.release(book.read("no-such-uuid", 4711).value().value());
    REQUIRE(!released);
    CHECK(released.error().code == Code::system);
    CHECK(released.error().what ==
          "the disk no-such-uuid is not mounted, or read-only; mount it for writing, or forget "
          "it with bulkhead gc --forget no-such-uuid");
    CHECK(book.read("no-such-uuid", 4711).value());
}

TEST_CASE("a disk that hangs hinders no other: the record is locked, and it alone (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    auto hangs = hold();
    hangs.filesystem = "one-that-hangs";
    auto other = hold();
    other.filesystem = "no-such-uuid";
    REQUIRE(book.remember(hangs));
    REQUIRE(book.remember(other));
    const test::IdleProcess holder([&] { // releases it, and waits for the disk
        static auto directory = test::open_directory(fixture.directory.path("lib/disk"));
        static auto lock = sys::lock_named_at(directory.borrow(), "one-that-hangs-4711.json", 0);
        return lock && *lock;
    });
    REQUIRE(holder.ready());
    CHECK(book.release(book.read("no-such-uuid", 4711)->value()).error().what.contains("is not mounted"));
    CHECK(book.forget_if_still(book.read("no-such-uuid", 4711)->value()).value());
    CHECK(book.release(book.read("one-that-hangs", 4711)->value()).error().code == Code::busy);
}

TEST_CASE("a record is only forgotten for the owner that was read (root only)" * root_only) {
    const Fixture fixture;
    auto book = fixture.book();
    REQUIRE(book.remember(hold()));
    const auto earlier = book.read(uuid, 4711)->value();
    auto next = owner();
    next.process.pid = 8;
    REQUIRE(fixture.book(next).remember(hold()));
    CHECK(!book.forget_if_still(earlier).value());
    CHECK(book.read(uuid, 4711).value());
    CHECK(book.forget_if_still(book.read(uuid, 4711)->value()).value());
    CHECK(!book.forget_if_still(earlier).value());
}

TEST_CASE("a record whose disk is there twice stays, with what mends it (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(test::DiskKind::xfs, "", [](test::Findings& findings, test::Disk& disk) {
              const Fixture fixture;
              auto book = fixture.book();
              findings.expect(disk.mount_clone(disk.beside("clone"), "rw"), "clone");
              findings.expect_equal(what_of(book.remember(hold())), "");
              findings.expect_equal(what_of(book.release(book.read(uuid, 4711).value().value())),
                                    "the disk " + std::string(uuid) +
                                        " is there more than once, and it cannot be told which one it is; unmount the "
                                        "clones, or forget it with bulkhead gc --forget " +
                                        uuid);
              findings.expect(book.read(uuid, 4711).value().has_value(), "the record is gone");
          }) == "");
}

TEST_CASE("releasing gives the limits back, forgets the record and takes back the hint to the next id "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(test::DiskKind::xfs, "prjquota", [](test::Findings& findings, test::Disk& disk) {
              const Fixture fixture;
              auto book = fixture.book();
              auto ours = hold();
              ours.found = {};
              ours.limits = {
                  .hard_bytes = Bytes{8U << 20U}, .soft_bytes = {}, .hard_inodes = Count{9}, .soft_inodes = {}};
              const auto hint_after = [&](ProjectId hint) {
                  findings.expect(sys::set_quota_limits(disk.root(), ours.id, ours.limits).has_value(), "limits");
                  findings.expect_equal(what_of(book.remember(ours)), "");
                  if (hint != 0) {
                      book.set_hint(uuid, hint);
                  }
                  const auto record = book.read(uuid, ours.id).value().value();
                  for (int round = 0; round < 2; ++round) {
                      findings.expect_equal(what_of(book.release(record)), "");
                      findings.expect(sys::quota_of(disk.root(), ours.id) == sys::Quota{}, "limits stay");
                      findings.expect(!book.read(uuid, ours.id).value(), "the record stays");
                  }
                  return std::to_string(book.hint(uuid).value_or(0));
              };
              findings.expect_equal(hint_after(0), "0");
              findings.expect_equal(hint_after(4712), "4711");
              findings.expect_equal(hint_after(9000), "9000");
              findings.expect_equal(hint_after(100), "100");
          }) == "");
}
