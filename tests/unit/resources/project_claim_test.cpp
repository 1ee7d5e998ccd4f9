// SPDX-License-Identifier: Apache-2.0
// Real layers on a disk of the test's own, with project quotas where the kernel has them.
#include "runtime/resources/project_claim.h"

#include "runtime/resources/project_tree.h"
#include "support/failing_call.h"
#include "support/fake_layer.h"

#include <doctest/doctest.h>
#include <set>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using resources::claim_project_id;
using resources::IdSearch;
using resources::may_adopt;
using resources::search_for;
using sys::ProjectId;
using test::Disk;
using test::DiskKind;
using test::FailingCall;
using test::FakeBook;
using test::FakeLayer;
using test::Findings;
using test::label_at;
using test::needs_ext4_quota;
using test::needs_xfs;
using test::needs_xfs_quota;
using test::on_layer;
using test::set_label;
using test::what_of;

namespace {

constexpr sys::ProjectLabel ours{.id = 4711, .inherit = true};
constexpr IdSearch few{.first = 100, .last = 102, .downwards = false};
constexpr IdSearch few_downwards{.first = 100, .last = 102, .downwards = true};

std::string to_text(const Result<bool>& result) {
    const auto* const word = result.value_or(false) ? "yes" : "no";
    return result ? word : what_of(result);
}
std::string to_text(const Result<ProjectId>& result) { return result ? std::to_string(*result) : what_of(result); }

// As containers/storage labels a layer that it has quotas for: the directory with all that is in it.
bool label_whole(const FakeLayer& fake, ProjectId id) {
    const auto directory = test::open_directory(fake.path());
    return resources::label_tree(directory.borrow(), id).has_value();
}

std::string adopts(const FakeLayer& fake, FakeBook& book) {
    const auto layer = fake.get();
    const auto label = sys::project_label(layer.upper());
    return to_text(may_adopt(layer, label.value(), {}, book));
}

// What a book knows of a container that has, or had, the id.
resources::DiskHold hold_of(const FakeLayer& fake, const std::string& upper, bool alive) {
    return {.filesystem = fake.get().filesystem(),
            .id = ours.id,
            .upper = upper,
            .found = {},
            .limits = {},
            .alive = alive};
}

std::string adopts_after(const FakeLayer& fake, const resources::DiskHold& hold) {
    FakeBook book;
    book.holds[{hold.filesystem, hold.id}] = hold;
    return adopts(fake, book);
}

// The label of upper, which inherits, and the use of `id` that the kernel accounts for.
void expect_claimed(Findings& findings, const FakeLayer& fake, ProjectId id) {
    findings.expect_equal(label_at(fake.path("diff")), std::to_string(id) + "+");
    findings.expect(sys::quota_of(fake.get().upper(), id)->used_inodes == Count{1}, "inodes");
}

} // namespace

TEST_CASE("where a layer may look: the lower half upwards, in docker's home the upper half downwards") {
    const auto expect = [](const IdSearch& search, ProjectId first, ProjectId last, bool downwards) {
        CHECK(search.first == first);
        CHECK(search.last == last);
        CHECK(search.downwards == downwards);
    };
    const std::string storage = "/var/lib/containers/storage/overlay/ID/diff";
    const std::string docker = "/var/lib/docker/overlay2/ID/diff";
    expect(search_for(storage, {.first = 10, .last = 19}), 10, 14, false);
    expect(search_for(docker, {.first = 10, .last = 19}), 15, 19, true);
    expect(search_for(storage, {.first = 10, .last = 12}), 10, 11, false);
    expect(search_for(docker, {.first = 10, .last = 12}), 12, 12, true);
    expect(search_for(storage, {.first = 7, .last = 7}), 7, 7, false);
    expect(search_for(docker, {.first = 7, .last = 7}), 7, 7, false);
    expect(search_for(storage, {.first = 1U << 30U, .last = (1U << 31U) - 1}), 1U << 30U, 1610612735U, false);
    expect(search_for(docker, {.first = 1, .last = 0xfffffffeU}), 0x80000000U, 0xfffffffeU, true);
    for (const std::string other : {"/overlay2/diff", "/overlay2", "/x/overlay2/id/fs/diff", "/x/overlay22/id/diff"}) {
        CHECK(!search_for(other, {.first = 10, .last = 19}).downwards);
    }
}

TEST_CASE("no id is adopted that is 0, not work's, or the home's as well (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_layer("", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              findings.expect_equal(adopts(fake, book), "no"); // 0
              findings.expect(set_label(fake.path("diff"), ours), "set");
              findings.expect_equal(adopts(fake, book), "no"); // work has another one
              findings.expect(set_label(fake.path("work"), ours), "set");
              findings.expect(set_label(disk.path("overlay"), ours), "set");
              findings.expect_equal(adopts(fake, book), "no"); // all layers have it
          }) == "");
}

TEST_CASE("an id that a living container holds is not adopted, and its very layer is busy "
          "(root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_layer("", [](Findings& findings, Disk&, FakeLayer& fake) {
              findings.expect(label_whole(fake, ours.id), "label");
              findings.expect_equal(adopts_after(fake, hold_of(fake, "/another/layer", true)), "no");
              FakeBook same;
              same.holds[{test::disk_uuid(), ours.id}] = hold_of(fake, fake.path("diff"), true);
              const auto layer = fake.get();
              const auto refused = may_adopt(layer, ours, {}, same);
              findings.expect(!refused && refused.error().code == Code::busy, "code");
              findings.expect_equal(what_of(refused), "another container that runs has the same writable layer (" +
                                                          fake.path("diff") + "); stop it first");
              FakeBook lost;
              lost.answers_left = 0;
              findings.expect_equal(adopts(fake, lost), "the book is lost");
          }) == "");
}

TEST_CASE("where there are no quotas nothing is claimed and nothing stays labelled (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_layer("", [](Findings& findings, Disk&, FakeLayer& fake) {
              FakeBook book;
              const auto layer = fake.get();
              findings.expect(!claim_project_id(layer, few, book), "claimed");
              findings.expect(!claim_project_id(layer, few_downwards, book), "claimed downwards");
              findings.expect_equal(label_at(fake.path("diff")), "0");
              findings.expect(!book.hinted, "hint");
          }) == "");
}

TEST_CASE("a layer whose container took the id off its root directory is busy all the same (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_layer("", [](Findings& findings, Disk&, FakeLayer& fake) {
              findings.expect(set_label(fake.path("work"), ours), "label");
              FakeBook book;
              book.holds[{test::disk_uuid(), ours.id}] = hold_of(fake, fake.path("diff"), true);
              const auto refused = may_adopt(fake.get(), {}, {}, book);
              findings.expect(!refused && refused.error().code == Code::busy, "not busy");
          }) == "");
}

TEST_CASE("a free id that a record still names is left alone (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk&, FakeLayer& fake) {
              FakeBook book;
              book.holds[{test::disk_uuid(), few.first}] = hold_of(fake, "/gone", false);
              findings.expect_equal(to_text(claim_project_id(fake.get(), few, book)), std::to_string(few.first + 1));
          }) == "");
}

TEST_CASE("a record that cannot be read keeps its id, and no other (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk&, FakeLayer& fake) {
              FakeBook book;
              book.damaged = few.first;
              findings.expect_equal(to_text(claim_project_id(fake.get(), few, book)), std::to_string(few.first + 1));
          }) == "");
}

TEST_CASE("an id that has the file system's defaults alone is free (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              sys::QuotaLimits defaults;
              defaults.hard_bytes = Bytes{64U << 20U};
              defaults.soft_inodes = Count{1000};
              findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), 0, defaults)), "");
              findings.expect_equal(to_text(claim_project_id(fake.get(), few, book)), "100");
              findings.expect(set_label(fake.path("diff"), {}), "unlabel");
              findings.expect(sys::quota_of(disk.root(), 100)->limits == defaults, "no defaults are left on it");
              book.hinted.reset();
              findings.expect_equal(to_text(claim_project_id(fake.get(), few, book)), "100");
              findings.expect(set_label(fake.path("diff"), {}), "unlabel");
              auto others = defaults;
              others.hard_bytes = Bytes{32U << 20U};
              findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), 100, others)), "");
              book.hinted.reset();
              findings.expect_equal(to_text(claim_project_id(fake.get(), few, book)), "101");
          }) == "");
}

namespace {
// Ids that are in use by nobody whom we know.
void take_ids(Findings& findings, const Disk& disk, ProjectId first, ProjectId last) {
    for (auto id = first; id <= last; ++id) {
        sys::QuotaLimits limits;
        limits.hard_inodes = Count{5};
        findings.expect(sys::set_quota_limits(disk.root(), id, limits).has_value(), "take an id");
    }
}
} // namespace

TEST_CASE("whoever has thousands of ids in a row keeps nobody from the rest (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              constexpr ProjectId taken = 16384;
              constexpr IdSearch half{.first = 1U << 20U, .last = (1U << 21U) - 1, .downwards = false};
              take_ids(findings, disk, half.first, half.first + taken - 1);
              const auto id = claim_project_id(fake.get(), half, book).value();
              findings.expect(id >= half.first + taken && id <= half.last, std::to_string(id));
              findings.expect(book.hinted == id + 1, "hint");
          }) == "");
}

TEST_CASE("an id that the layer accounts for alone is adopted (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              test::write_file(fake.merged("file"), "text");
              std::filesystem::create_hard_link(fake.merged("file"), fake.merged("link"));
              std::filesystem::create_directories(fake.merged("a/b"));
              findings.expect(label_whole(fake, ours.id), "label");
              findings.expect_equal(adopts(fake, book), "yes");
              test::write_file(fake.merged("a/new"), "text"); // inherits
              findings.expect_equal(adopts(fake, book), "yes");
              findings.expect_equal(adopts_after(fake, hold_of(fake, "/another/layer", false)), "yes");
              findings.expect_equal(adopts_after(fake, hold_of(fake, fake.path("diff"), false)), "yes");
              std::filesystem::remove(fake.merged("a/new")); // XFS gives its inode back later
              findings.expect_equal(adopts(fake, book), "yes");
              findings.expect(set_label(disk.path("overlay"), {.id = 5, .inherit = false}), "the home's");
              findings.expect_equal(adopts(fake, book), "yes");
          }) == "");
}

TEST_CASE("an id that something elsewhere has as well is not adopted (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              findings.expect(label_whole(fake, ours.id), "label");
              test::write_file(disk.path("elsewhere"), "");
              findings.expect(set_label(disk.path("elsewhere"), {.id = ours.id, .inherit = false}), "set");
              findings.expect_equal(adopts(fake, book), "no");
              std::filesystem::remove(disk.path("elsewhere"));
              findings.expect_equal(adopts(fake, book), "yes");
              // Another layer of the same engine: docker starts anew at an id that it gave before.
              const FakeLayer second(disk, "b");
              findings.expect(label_whole(second, ours.id), "label");
              findings.expect_equal(adopts(fake, book), "no");
          }) == "");
}

TEST_CASE("a layer with holes, files of another id in it, is adopted all the same (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk&, FakeLayer& fake) {
              FakeBook book;
              test::write_file(fake.path("diff/hole"), "");
              std::filesystem::create_directory(fake.path("diff/d"));
              findings.expect(label_whole(fake, ours.id), "label");
              findings.expect(set_label(fake.path("diff/hole"), {.id = 0, .inherit = false}), "set");
              findings.expect(set_label(fake.path("diff/d"), {.id = 99, .inherit = true}), "set");
              findings.expect_equal(adopts(fake, book), "yes");
              // What another one has of it outside is not made good for by a hole inside.
              test::write_file(fake.path("../outside"), "");
              findings.expect(set_label(fake.path("../outside"), {.id = ours.id, .inherit = false}), "set");
              findings.expect_equal(adopts(fake, book), "no");
          }) == "");
}

TEST_CASE("symlinks that this kernel cannot tell leave room, and no more (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              std::filesystem::create_symlink("x", fake.path("diff/old")); // before there is an id
              findings.expect(set_label(fake.path("diff"), ours) && set_label(fake.path("work"), ours), "set");
              std::filesystem::create_symlink("x", fake.path("diff/new"));
              const FailingCall before_6_17(468, ENOSYS);
              findings.expect_equal(adopts(fake, book), "yes"); // new has it, old has not
              findings.expect(label_whole(fake, ours.id), "label");
              findings.expect_equal(adopts(fake, book), "yes");
              for (const std::string name : {"one", "two"}) {
                  test::write_file(disk.path(name), "");
                  findings.expect(set_label(disk.path(name), {.id = ours.id, .inherit = false}), "set");
                  findings.expect_equal(adopts(fake, book), name == "one" ? "yes" : "no");
              }
          }) == "");
}

TEST_CASE("what the container mounted over itself hides nothing from the count (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              test::write_file(fake.path("diff/d"), "");
              std::filesystem::remove(fake.path("diff/d"));
              std::filesystem::create_directory(fake.path("diff/d"));
              test::write_file(fake.path("diff/d/file"), "");
              findings.expect(label_whole(fake, ours.id), "label");
              findings.expect(disk.tmpfs(fake.path("diff/d")), "mount");
              findings.expect_equal(adopts(fake, book), "yes");
          }) == "");
}

TEST_CASE("a layer too large to be counted is adopted (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk&, FakeLayer& fake) {
              FakeBook book;
              findings.expect(label_whole(fake, ours.id), "label");
              auto at = test::open_directory(fake.path("diff"));
              for (int level = 0; level < 501; ++level) {
                  findings.expect(::mkdirat(at.borrow().number(), "d", 0700) == 0, "mkdir");
                  at = UniqueFd(::openat(at.borrow().number(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
              }
              findings.expect_equal(adopts(fake, book), "yes");
              const FailingCall failing(SYS_getdents64, EIO);
              findings.expect_equal(adopts(fake, book), "read a directory: Input/output error");
          }) == "");
}

TEST_CASE("a free id is claimed, upwards from the hint and around (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              test::write_file(fake.path("diff/file"), "");
              const auto layer = fake.get();
              findings.expect_equal(to_text(claim_project_id(layer, few, book)), "100");
              findings.expect(book.hinted == 101U, "hint");
              expect_claimed(findings, fake, 100);
              findings.expect_equal(label_at(fake.path("diff/file")), "0");
              book.hinted = 102;
              FakeLayer second(disk, "b");
              findings.expect(second.mount(), "overlay");
              const auto its = second.get();
              findings.expect_equal(to_text(claim_project_id(its, few, book)), "102");
              findings.expect(book.hinted == 100U, "hint after the last");
              for (const ProjectId wrong : {0U, 99U, 7000U}) { // a hint of another range is no harm
                  FakeLayer third(disk, "c" + std::to_string(wrong));
                  findings.expect(third.mount(), "overlay");
                  book.hinted = wrong;
                  const auto last = third.get();
                  findings.expect_equal(
                      to_text(claim_project_id(last, few, book)),
                      wrong == 0 ? "101"
                                 : "no project id from 100 to 102 is free; widen disk.project-ids in the node "
                                   "config");
                  findings.expect_equal(label_at(third.path("diff")), wrong == 0 ? "101+" : "0");
              }
          }) == "");
}

TEST_CASE("in docker's home ids are claimed downwards, below the mark (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(DiskKind::xfs, "prjquota", [](Findings& findings, Disk& disk) {
              FakeBook book;
              findings.expect(set_label(disk.path(), {.id = 101, .inherit = false}), "101 is somebody's");
              for (const std::string expected : {"102", "100"}) {
                  FakeLayer fake(disk, "id" + expected, "overlay2");
                  findings.expect(fake.mount(), "overlay");
                  const auto layer = fake.get();
                  findings.expect_equal(to_text(claim_project_id(layer, few_downwards, book)), expected);
              }
              FakeLayer fake(disk, "last", "overlay2");
              findings.expect(fake.mount(), "overlay");
              const auto layer = fake.get();
              const auto refused = claim_project_id(layer, few_downwards, book);
              findings.expect(!refused && refused.error().code == Code::busy, "code");
              findings.expect(!book.hinted, "a hint");
              FakeBook lost;
              constexpr IdSearch others{.first = 200, .last = 202, .downwards = true};
              for (const int answers : {0, 1, 2}) { // neither the mark, nor who has the id; the mark cannot be lowered
                  lost.answers_left = answers;
                  findings.expect_equal(to_text(claim_project_id(layer, others, lost)), "the book is lost");
                  findings.expect_equal(label_at(fake.path("diff")), "0");
              }
          }) == "");
}

TEST_CASE("ids in docker's half that a tenant holds for a while are not lost (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(DiskKind::xfs, "prjquota", [](Findings& findings, Disk& disk) {
              FakeBook book;
              const std::vector<std::string> names{"a", "b", "c"};
              for (const auto& name : names) {
                  std::filesystem::create_directory(disk.path(name));
                  const auto id = 100 + static_cast<ProjectId>(name.front() - 'a');
                  findings.expect(set_label(disk.path(name), {.id = id, .inherit = false}), "label");
              }
              FakeLayer fake(disk, "victim", "overlay2");
              findings.expect(fake.mount(), "overlay");
              const auto layer = fake.get();
              findings.expect_equal(to_text(claim_project_id(layer, few_downwards, book)),
                                    "no free project id from 100 was found below 103; look for files with ids in there "
                                    "(repquota -P), or widen disk.project-ids in the node config");
              findings.expect(!book.lowest, "the mark moved");
              for (const auto& name : names) {
                  findings.expect(set_label(disk.path(name), {}), "unlabel");
              }
              findings.expect_equal(to_text(claim_project_id(layer, few_downwards, book)), "102");
          }) == "");
}

TEST_CASE("in docker's home what is somebody else's is passed with a distance (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(test::on_disk(DiskKind::xfs, "prjquota", [](Findings& findings, Disk& disk) {
              constexpr IdSearch half{.first = 1U << 30U, .last = (1U << 31U) - 1, .downwards = true};
              findings.expect(set_label(disk.path(), {.id = half.last, .inherit = false}), "label");
              std::set<ProjectId> different;
              for (const std::string name : {"a", "b", "c", "d"}) {
                  FakeBook book; // each as if it were the first
                  FakeLayer fake(disk, name, "overlay2");
                  findings.expect(fake.mount(), "overlay");
                  const auto id = claim_project_id(fake.get(), half, book).value();
                  findings.expect(id <= half.last - 4096 && id > half.last - 8192, std::to_string(id));
                  different.insert(id);
              }
              findings.expect(different.size() == 4, "it can be foreseen");
              // Somebody has all of that: twice as far.
              take_ids(findings, disk, half.last - 8192, half.last - 4096);
              FakeBook book;
              FakeLayer fake(disk, "e", "overlay2");
              findings.expect(fake.mount(), "overlay");
              const auto id = claim_project_id(fake.get(), half, book).value();
              findings.expect(id <= half.last - 8192 && id > half.last - 16384, std::to_string(id));
          }) == "");
}

TEST_CASE("an id with a limit and no file is not free (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk& disk, FakeLayer& fake) {
              FakeBook book;
              findings.expect(sys::set_quota_limits(
                                  disk.root(), 100,
                                  {.hard_bytes = {}, .soft_bytes = {}, .hard_inodes = Count{5}, .soft_inodes = {}})
                                  .has_value(),
                              "limit");
              const auto layer = fake.get();
              findings.expect_equal(to_text(claim_project_id(layer, few, book)), "101");
          }) == "");
}

TEST_CASE("ids are claimed on ext4 as well (root, ext4 with project quotas)" * needs_ext4_quota) {
    CHECK(on_layer(
              "prjquota",
              [](Findings& findings, Disk&, FakeLayer& fake) {
                  FakeBook book;
                  const auto layer = fake.get();
                  findings.expect_equal(to_text(claim_project_id(layer, few, book)), "100");
                  expect_claimed(findings, fake, 100);
              },
              DiskKind::ext4) == "");
}

TEST_CASE("a claim that fails anywhere leaves the label as it was (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_layer("prjquota", [](Findings& findings, Disk&, FakeLayer& fake) {
              const sys::ProjectLabel before{.id = 5, .inherit = true};
              const auto layer = fake.get();
              for (const long number : {long{SYS_ioctl}, long{SYS_quotactl_fd}}) {
                  for (int let_through = 0;; ++let_through) {
                      FakeBook book;
                      findings.expect(set_label(fake.path("diff"), before), "set");
                      bool failed = false;
                      {
                          const FailingCall failing(number, EIO, let_through, 1);
                          const auto claimed = claim_project_id(layer, few, book);
                          failed = FailingCall::seen() > let_through;
                          findings.expect(claimed.has_value() != failed, "result");
                      }
                      findings.expect_equal(label_at(fake.path("diff")), failed ? "5+" : "100+");
                      if (!failed) {
                          break;
                      }
                  }
              }
          }) == "");
}
