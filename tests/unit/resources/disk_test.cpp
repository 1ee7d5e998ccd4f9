// SPDX-License-Identifier: Apache-2.0
// Real layers on a disk of the test's own, with project quotas where the kernel has them.
#include "runtime/resources/disk.h"

#include "runtime/resources/disk_release.h"
#include "support/failing_call.h"
#include "support/fake_layer.h"

#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <sys/file.h>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using policy::DiskConfig;
using resources::DiskLimit;
using resources::DiskRequest;
using sys::ProjectId;
using sys::Quota;
using sys::QuotaLimits;
using test::both_of;
using test::Disk;
using test::DiskKind;
using test::FailingCall;
using test::FakeBook;
using test::FakeLayer;
using test::Findings;
using test::inodes_of;
using test::label_at;
using test::limits;
using test::needs_ext4_quota;
using test::needs_xfs_quota;
using test::on_layer;
using test::refusal;
using test::set_label;
using test::size_of;
using test::to_text;
using test::what_of;

namespace {

constexpr std::uint64_t kibibyte = 1U << 10U;
constexpr std::uint64_t mebibyte = 1U << 20U;
constexpr ProjectId first_id = 1U << 30U;

std::string limits_on(const Disk& disk, ProjectId id = first_id) {
    const auto quota = sys::quota_of(disk.root(), id);
    return quota ? to_text(quota->limits) : what_of(quota);
}

// Of upper, work and the file in upper.
std::string labels(const FakeLayer& fake) {
    return label_at(fake.path("diff")) + " " + label_at(fake.path("work")) + " " + label_at(fake.path("diff/file"));
}

Result<DiskLimit> prepare(const FakeLayer& fake, const DiskRequest& request, FakeBook& book,
                          const DiskConfig& config = {}) {
    book.hinted.reset(); // so that it is first_id that is looked at afterwards
    TRY_ASSIGN(auto layer, fake.find());
    return DiskLimit::prepare(std::move(layer), request, config, book);
}

// Prepares and applies, and takes back what fails, as the hook does.
Result<void> put_up(const FakeLayer& fake, const DiskRequest& request, FakeBook& book, const DiskConfig& config = {}) {
    TRY_ASSIGN(auto limit, prepare(fake, request, book, config));
    auto applied = limit.apply(book);
    if (!applied) {
        TRY(in_context("undo", limit.undo(book)));
    }
    return applied;
}

std::string on_filled_layer(const std::function<void(Findings&, Disk&, FakeLayer&, FakeBook&)>& body,
                            DiskKind kind = DiskKind::xfs) {
    return on_layer(
        "prjquota",
        [&](Findings& findings, Disk& disk, FakeLayer& fake) {
            FakeBook book;
            test::write_file(fake.merged("file"), std::string(100 * kibibyte, 'x'));
            ::sync();
            body(findings, disk, fake, book);
        },
        kind);
}

std::uint64_t fill(const std::string& path) {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string block(16 * kibibyte, 'x');
    std::uint64_t written = 0;
    while (written < 8 * mebibyte) {
        const auto count = ::write(file.borrow().number(), block.data(), block.size());
        if (count <= 0) {
            break;
        }
        written += static_cast<std::uint64_t>(count);
    }
    return written;
}

} // namespace

namespace {

void check_limit(Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
    auto limit = prepare(fake, both_of(mebibyte, 50), book);
    findings.expect_equal(what_of(limit), "");
    findings.expect_equal(labels(fake), std::to_string(first_id) + "+ 0 0");
    findings.expect_equal(limits_on(disk), "0 0 0 0");
    findings.expect(book.holds.empty(), "remembered by prepare()");
    findings.expect(limit->record().id == first_id, "id");
    findings.expect_equal(limit->record().upper, fake.path("diff"));
    findings.expect_equal(what_of(limit->apply(book)), "");
    findings.expect(limit->notes().empty(), "notes");
    findings.expect_equal(labels(fake),
                          std::to_string(first_id) + "+ " + std::to_string(first_id) + "+ " + std::to_string(first_id));
    findings.expect_equal(limits_on(disk), "1048576 0 50 0");
    const auto& hold = book.holds[{test::disk_uuid(), first_id}];
    findings.expect(hold.limits == limits(mebibyte, 0, 50, 0) && hold.found == QuotaLimits{}, "the book");
    const auto written = fill(fake.merged("more"));
    findings.expect(written > 700 * kibibyte && written < mebibyte, "written: " + std::to_string(written));
    std::filesystem::remove(fake.merged("more"));
    int made = 0;
    for (std::error_code error;
         made < 100 && std::filesystem::create_directory(fake.merged("d" + std::to_string(made)), error);) {
        ++made;
    }
    findings.expect(made > 30 && made < 50, "made: " + std::to_string(made));
    // What was there, and what the container made, can be copied up, renamed and removed.
    std::filesystem::rename(fake.merged("file"), fake.merged("renamed"));
    std::filesystem::rename(fake.merged("renamed"), fake.merged("file"));
    std::filesystem::remove(fake.merged("d0"));
    for (int round = 0; round < 2; ++round) {
        findings.expect_equal(what_of(limit->undo(book)), "");
        findings.expect_equal(labels(fake), "0 0 0");
        findings.expect_equal(label_at(fake.path("diff/d1")), "0");
        findings.expect_equal(limits_on(disk), "0 0 0 0");
        findings.expect(book.holds.empty(), "the book after undo()");
    }
}

} // namespace

TEST_CASE("a limit on XFS: prepared, applied, held, undone twice (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_filled_layer(&check_limit) == "");
}

TEST_CASE("a limit on ext4: prepared, applied, held, undone twice (root, ext4 with project quotas)" *
          needs_ext4_quota) {
    CHECK(on_filled_layer(&check_limit, DiskKind::ext4) == "");
}

TEST_CASE("a layer keeps its id when its container starts again (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              const auto before = label_at(fake.path());
              findings.expect_equal(what_of(put_up(fake, size_of(mebibyte), book)), "");
              const auto first = labels(fake);
              for (const std::uint64_t size : {2 * mebibyte, mebibyte / 2}) { // what the book knows is not in the way
                  findings.expect_equal(what_of(put_up(fake, both_of(size, 50), book)), "");
                  findings.expect_equal(labels(fake), first);
                  findings.expect_equal(limits_on(disk), std::to_string(size) + " 0 50 0");
                  findings.expect(book.holds.size() == 1, "the book");
                  const auto& hold = book.holds.begin()->second;
                  findings.expect(hold.found == QuotaLimits{}, "ours were taken for somebody's");
              }
              findings.expect_equal(label_at(fake.path()), before);
          }) == "");
}

TEST_CASE("a limit of an adopted id is undone to what was found, and the labels stay "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              findings.expect_equal(what_of(put_up(fake, size_of(mebibyte), book)), "");
              const auto theirs = limits(3 * mebibyte, 0, 70, 0); // an operator's, since
              findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), first_id, theirs)), "");
              const auto first = labels(fake);
              auto limit = prepare(fake, both_of(mebibyte, 80), book);
              findings.expect_equal(what_of(limit), "");
              findings.expect_equal(what_of(limit->apply(book)), "");
              findings.expect_equal(limits_on(disk), "1048576 0 70 0"); // never looser
              for (int round = 0; round < 2; ++round) {
                  findings.expect_equal(what_of(limit->undo(book)), "");
                  findings.expect_equal(limits_on(disk), to_text(theirs));
                  findings.expect_equal(labels(fake), first);
                  findings.expect(book.holds.empty(), "the book");
              }
          }) == "");
}

TEST_CASE("a layer that holds more than is asked for is busy, with the numbers (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(
        on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
            const auto bytes = put_up(fake, size_of(64 * kibibyte), book);
            const auto what = refusal(findings, bytes, Code::busy);
            findings.expect(what.starts_with("the writable layer already holds 10") &&
                                what.ends_with("Ki, more than 64Ki; ask for more, or start from a new container"),
                            what);
            const auto inodes = put_up(fake, inodes_of(2), book);
            findings.expect_equal(
                refusal(findings, inodes, Code::busy),
                "the writable layer already holds 4 inodes, more than 2; ask for more, or start from a new container");
            findings.expect_equal(labels(fake), "0 0 0");
            findings.expect_equal(limits_on(disk), "0 0 0 0");
            findings.expect(book.holds.empty(), "the book");
        }) == "");
}

TEST_CASE("a config that counts alone sets no limit and labels all the same (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              // Less than the layer holds: it counts all the same.
              findings.expect_equal(what_of(put_up(fake, size_of(64 * kibibyte), book, {.accounting_only = true})), "");
              findings.expect_equal(limits_on(disk), "0 0 0 0");
              findings.expect(labels(fake).ends_with(" " + std::to_string(first_id)), "labels");
              findings.expect(book.holds.size() == 1, "the book");
          }) == "");
}

namespace {
constexpr ProjectId engines_id = 555;

// As an engine with a limit of its own leaves it: upper and work carry its id, and the store's home does not.
void label_as_engine(Findings& findings, const Disk& disk, const FakeLayer& fake) {
    for (const std::string part : {"diff", "diff/file", "work", "work/work"}) {
        findings.expect(set_label(fake.path(part), {.id = engines_id, .inherit = !part.ends_with("file")}), part);
    }
    const auto theirs = limits(512 * kibibyte, 0, 40, 0);
    findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), engines_id, theirs)), "");
    std::filesystem::create_directory(disk.path("neighbour"));
    findings.expect(set_label(disk.path("neighbour"), {.id = engines_id, .inherit = false}), "neighbour");
}
} // namespace

TEST_CASE("an engine's limit holds on a layer that gets another id, whoever spoilt its own "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              label_as_engine(findings, disk, fake);
              for (const DiskConfig& config : {DiskConfig{}, DiskConfig{.accounting_only = true}}) {
                  auto limit = prepare(fake, both_of(8 * mebibyte, 80), book, config);
                  findings.expect_equal(what_of(limit->apply(book)), "");
                  findings.expect_equal(label_at(fake.path("diff")), std::to_string(first_id) + "+");
                  findings.expect_equal(limits_on(disk), "524288 0 40 0");
                  findings.expect_equal(what_of(limit->undo(book)), "");
                  findings.expect_equal(limits_on(disk), "0 0 0 0");
              }
              // The container took the id off its own root directory.
              findings.expect(set_label(fake.path("diff"), {}), "spoil");
              findings.expect_equal(what_of(put_up(fake, size_of(8 * mebibyte), book)), "");
              findings.expect_equal(limits_on(disk), "524288 0 40 0");
              // What is given back at the end is the engine's limit, as the next start sees our id alone.
              auto ended = book.holds[{test::disk_uuid(), first_id}];
              findings.expect(resources::release_disk(ended, 0) == resources::Released::done, "release");
              book.holds.clear();
              findings.expect_equal(limits_on(disk), "524288 0 40 0");
              findings.expect_equal(what_of(put_up(fake, size_of(8 * mebibyte), book)), "");
              findings.expect_equal(limits_on(disk), "524288 0 40 0");
              findings.expect_equal(what_of(put_up(fake, size_of(256 * kibibyte), book)), "");
              findings.expect_equal(limits_on(disk), "262144 0 40 0");
          }) == "");
}

TEST_CASE("a container that gave its root directory somebody else's id does not charge him when it is refused "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              findings.expect(set_label(fake.path("diff"), {.id = 777, .inherit = true}), "label");
              const auto refused = put_up(fake, size_of(4 * kibibyte), book);
              findings.expect(!refused && refused.error().code == Code::busy, "not refused");
              findings.expect_equal(labels(fake), "0 0 0");
              findings.expect(sys::quota_of(disk.root(), 777) == Quota{}, "charged");
              findings.expect(sys::quota_of(disk.root(), first_id) == Quota{}, "our id is not free");
          }) == "");
}

TEST_CASE("files that are the container's own, by an id that only an engine gives") {
    const std::string id = "ba965b933f7ae1e56f9662420ebcd8fb";
    const std::vector<std::string> binds{"/x/" + id + "/hosts", "/x/" + id, "/x/" + id + "0/hosts", id + "/hosts",
                                         "/etc/hosts"};
    CHECK(resources::own_files(binds, id) == std::vector<std::string>{binds[0]});
    CHECK(resources::own_files(binds, "etc").empty());
}

TEST_CASE("what lies where upper was is not labelled for good (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              std::filesystem::create_directory(disk.path("impostor"));
              test::write_file(disk.path("impostor/file"), "");
              findings.expect(disk.bind(disk.path("impostor"), fake.path("diff")), "bind");
              const auto limit = prepare(fake, size_of(mebibyte), book);
              findings.expect(!limit && limit.error().code == Code::unsupported, "code");
              findings.expect_equal(
                  what_of(limit),
                  "what lies at " + fake.path("diff") +
                      " is not the upper layer of the container's overlay; is something mounted over it?");
              findings.expect_equal(labels(fake), "0 0 0");
              findings.expect(sys::quota_of(disk.root(), first_id) == Quota{}, "the id is not free");
          }) == "");
}

TEST_CASE("while a limit is prepared no other process has the layer (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk&, FakeLayer& fake, FakeBook& book) {
              {
                  const auto limit = prepare(fake, size_of(mebibyte), book);
                  findings.expect_equal(what_of(limit), "");
                  const UniqueFd upper(::open(fake.path("diff").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
                  findings.expect(::flock(upper.borrow().number(), LOCK_EX | LOCK_NB) != 0, "not locked");
                  FakeBook other;
                  const auto second = prepare(fake, size_of(mebibyte), other);
                  findings.expect(!second && second.error().code == Code::busy, "code");
                  findings.expect_equal(what_of(second), "the layer: another bulkhead process holds it");
              }
              const auto later = prepare(fake, size_of(mebibyte), book);
              findings.expect_equal(what_of(later), "");
          }) == "");
}

TEST_CASE("symlinks older than the id are told of where this kernel cannot label them "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk&, FakeLayer& fake, FakeBook& book) {
              std::filesystem::create_directory(fake.merged("d"));
              std::filesystem::create_symlink("x", fake.merged("d/link"));
              const FailingCall before_6_17(468, ENOSYS);
              auto limit = prepare(fake, size_of(mebibyte), book);
              findings.expect_equal(what_of(limit->apply(book)), "");
              findings.expect(limit->notes().size() == 1, "notes");
              findings.expect_equal(limit->notes().at(0),
                                    "1 of the layer's symlinks and special files are older than its project id, and "
                                    "this kernel cannot give "
                                    "it to them: they are not counted, and the container cannot rename them");
              findings.expect_equal(what_of(limit->undo(book)), "");
          }) == "");
}

namespace {

void expect_untouched(Findings& findings, const Disk& disk, const FakeLayer& fake, const FakeBook& book,
                      const std::string& when) {
    findings.expect(labels(fake) == "0 0 0", when + "labels " + labels(fake));
    findings.expect(limits_on(disk) == "0 0 0 0", when + "limits " + limits_on(disk));
    findings.expect(sys::quota_of(disk.root(), first_id)->used_inodes == Count{}, when + "inodes");
    findings.expect(book.holds.empty(), when + "the book");
}

// Up, and down again whether that worked or not.
void up_and_down(Findings& findings, const FakeLayer& fake, FakeBook& book,
                 const std::function<Result<void>(DiskLimit&)>& apply) {
    auto limit = prepare(fake, both_of(mebibyte, 50), book);
    if (limit) {
        static_cast<void>(apply(*limit));
        sys::intercept(nullptr);
        findings.expect_equal(what_of(limit->undo(book)), "");
    }
}

} // namespace

TEST_CASE("whatever fails once leaves neither label nor limit nor record (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              for (const long number : {long{SYS_quotactl_fd}, long{SYS_ioctl}, long{SYS_openat}, long{SYS_open_tree},
                                        long{SYS_mount_setattr}, long{SYS_newfstatat}, long{SYS_getdents64},
                                        long{SYS_fstatfs}, long{SYS_flock}, long{SYS_statx}, long{SYS_read}}) {
                  bool failed = true;
                  for (int let_through = 0; failed; ++let_through) {
                      {
                          const FailingCall failing(number, EIO, let_through, 1);
                          up_and_down(findings, fake, book, [&](DiskLimit& limit) { return limit.apply(book); });
                          failed = FailingCall::seen() > let_through;
                      }
                      expect_untouched(findings, disk, fake, book,
                                       "call " + std::to_string(number) + ", time " + std::to_string(let_through) +
                                           ": ");
                  }
              }
          }) == "");
}

TEST_CASE("an undo that fails goes on the next time (root, XFS with project quotas)" * needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              for (const long number : {long{SYS_quotactl_fd}, long{SYS_ioctl}, long{SYS_openat}, long{SYS_open_tree},
                                        long{SYS_mount_setattr}, long{SYS_newfstatat}, long{SYS_getdents64}}) {
                  bool failed = true;
                  for (int let_through = 0; failed; ++let_through) {
                      up_and_down(findings, fake, book, [&](DiskLimit& limit) {
                          auto applied = limit.apply(book);
                          const FailingCall failing(number, EIO, let_through, 1);
                          const auto undone = limit.undo(book);
                          failed = FailingCall::seen() > let_through;
                          findings.expect(undone.has_value() != failed, "undo: result");
                          return applied;
                      });
                      expect_untouched(findings, disk, fake, book,
                                       "call " + std::to_string(number) + ", time " + std::to_string(let_through) +
                                           ": ");
                  }
              }
          }) == "");
}

TEST_CASE("a book that fails stops the limit before it is set, or keeps what could not be forgotten "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              for (int answers = 0; answers < 2; ++answers) { // holder() and remember() of apply()
                  up_and_down(findings, fake, book, [&](DiskLimit& limit) {
                      book.answers_left = answers;
                      auto applied = limit.apply(book);
                      findings.expect_equal(what_of(applied), "the book is lost");
                      findings.expect_equal(limits_on(disk), "0 0 0 0");
                      book.answers_left = -1;
                      return applied;
                  });
                  expect_untouched(findings, disk, fake, book, "answers " + std::to_string(answers) + ": ");
              }
              up_and_down(findings, fake, book, [&](DiskLimit& limit) {
                  book.fails_late = true;
                  auto applied = limit.apply(book);
                  findings.expect_equal(what_of(applied), "the book is lost");
                  book.fails_late = false;
                  return applied;
              });
              expect_untouched(findings, disk, fake, book, "once it has remembered: ");
              up_and_down(findings, fake, book, [&](DiskLimit& limit) {
                  auto applied = limit.apply(book);
                  book.answers_left = 0;
                  findings.expect_equal(what_of(limit.undo(book)), "the book is lost");
                  findings.expect_equal(limits_on(disk), "0 0 0 0");
                  findings.expect(book.holds.size() == 1, "forgotten");
                  book.answers_left = -1;
                  return applied;
              });
              expect_untouched(findings, disk, fake, book, "forget(): ");
          }) == "");
}

// A container that is gone leaves its limit on the layer, and in the book, where nobody gave it back: after a power
// loss.

TEST_CASE("a limit that an earlier container left is taken off where only counting is asked for "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              findings.expect_equal(what_of(put_up(fake, both_of(mebibyte, 50), book)), "");
              findings.expect_equal(what_of(put_up(fake, size_of(mebibyte), book, {.accounting_only = true})), "");
              findings.expect_equal(limits_on(disk), "0 0 0 0");
          }) == "");
}

TEST_CASE("a limit that an earlier container left makes way for an operator's that is tighter than what is asked for "
          "(root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              findings.expect_equal(what_of(put_up(fake, size_of(8 * mebibyte), book)), "");
              const auto theirs = limits(4 * mebibyte, 0, 70, 0);
              findings.expect_equal(what_of(sys::set_quota_limits(disk.root(), first_id, theirs)), "");
              findings.expect_equal(what_of(put_up(fake, both_of(mebibyte, 60), book)), "");
              findings.expect_equal(limits_on(disk), "1048576 0 60 0");
              findings.expect_equal(what_of(put_up(fake, both_of(6 * mebibyte, 80), book)), "");
              findings.expect_equal(limits_on(disk), to_text(theirs));
          }) == "");
}

TEST_CASE("a limit that an earlier container left is not forgotten while it stands (root, XFS with project quotas)" *
          needs_xfs_quota) {
    CHECK(on_filled_layer([](Findings& findings, Disk& disk, FakeLayer& fake, FakeBook& book) {
              findings.expect_equal(what_of(put_up(fake, both_of(mebibyte, 50), book)), "");
              auto limit = prepare(fake, both_of(2 * mebibyte, 60), book);
              {
                  const FailingCall cannot_set(SYS_quotactl_fd, EIO, 1); // after apply() has looked
                  findings.expect(!limit->apply(book), "applied");
              }
              findings.expect_equal(what_of(limit->undo(book)), "");
              const auto left = limits_on(disk);
              findings.expect(left == "0 0 0 0" || !book.holds.empty(), "nobody knows whose it is: " + left);
          }) == "");
}
