// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/project_tree.h"

#include "runtime/sys/tree.h"
#include "support/disk.h"
#include "support/failing_call.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>

using namespace bulkhead;
using resources::count_labelled;
using resources::label_tree;
using resources::unlabel_tree;
using test::Disk;
using test::DiskKind;
using test::FailingCall;
using test::Findings;
using test::label_at;
using test::set_label;
using test::what_of;

namespace {

const auto needs_xfs = doctest::skip(!test::can_mount_xfs());

constexpr long file_getattr = 468; // since Linux 6.17
constexpr sys::ProjectId id = 4711;

bool kernel_has_file_getattr() { return ::syscall(file_getattr, -1, "", nullptr, 0, 0) < 0 && errno != ENOSYS; }

// A directory with two directories, three files (one with two names), a symlink and a FIFO.
class Tree {
public:
    explicit Tree(const Disk& disk) : path_(disk.path("tree")) {
        std::filesystem::create_directories(path("sub/empty"));
        for (const std::string name : {"one", "sub/two", "sub/linked"}) {
            test::write_file(path(name), "text");
        }
        std::filesystem::create_hard_link(path("sub/linked"), path("again"));
        std::filesystem::create_symlink("one", path("sub/link"));
        ::mkfifo(path("fifo").c_str(), 0600);
        directory_ = test::open_directory(path_);
    }
    [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] BorrowedFd fd() const { return directory_.borrow(); }
    [[nodiscard]] std::string labels() const {
        return label_at(path_) + " " + label_at(path("sub")) + " " + label_at(path("sub/empty")) + " " +
               label_at(path("one")) + " " + label_at(path("sub/two")) + " " + label_at(path("again"));
    }
    [[nodiscard]] std::string special_ids() const {
        const auto text = [](const Result<sys::ProjectId>& found) { return found ? std::to_string(*found) : "?"; };
        const auto sub = test::open_directory(path("sub"));
        return text(sys::project_at(fd(), "fifo")) + " " + text(sys::project_at(sub.borrow(), "link"));
    }

private:
    std::string path_;
    UniqueFd directory_;
};

std::string on_tree(const std::function<void(Findings&, Disk&, Tree&)>& body) {
    return test::on_disk(DiskKind::xfs, "", [&](Findings& findings, Disk& disk) {
        Tree tree(disk);
        body(findings, disk, tree);
    });
}

void expect_census(Findings& findings, const Tree& tree, std::uint64_t labelled, std::uint64_t unknown) {
    const auto census = count_labelled(tree.fd(), id);
    findings.expect_equal(what_of(census), "");
    findings.expect_equal(std::to_string(census->labelled) + " and " + std::to_string(census->unknown),
                          std::to_string(labelled) + " and " + std::to_string(unknown));
}

} // namespace

TEST_CASE("a tree is labelled, counted and unlabelled as a whole (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk&, Tree& tree) {
              const bool all = kernel_has_file_getattr();
              expect_census(findings, tree, 0, all ? 0 : 2);
              const auto left_out = label_tree(tree.fd(), id);
              findings.expect(left_out && *left_out == (all ? 0U : 2U), "left out");
              findings.expect_equal(tree.labels(), "4711+ 4711+ 4711+ 4711 4711 4711");
              findings.expect_equal(tree.special_ids(), all ? "4711 4711" : "? ?");
              expect_census(findings, tree, all ? 8 : 6, all ? 0 : 2);
              const auto again = label_tree(tree.fd(), id);
              findings.expect(again && *again == 0, "left out the second time");
              findings.expect_equal(what_of(unlabel_tree(tree.fd(), id, {})), "");
              findings.expect_equal(tree.labels(), "0 0 0 0 0 0");
              findings.expect_equal(tree.special_ids(), all ? "0 0" : "? ?");
              findings.expect_equal(what_of(unlabel_tree(tree.fd(), id, {})), "");
          }) == "");
}

TEST_CASE("another id below is replaced, and what is not ours is left when it is taken back "
          "(root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk&, Tree& tree) {
              findings.expect(set_label(tree.path("sub"), {.id = 9, .inherit = true}), "set");
              findings.expect(set_label(tree.path("sub/two"), {.id = 9, .inherit = false}), "set");
              findings.expect(label_tree(tree.fd(), id).has_value(), "label");
              findings.expect_equal(tree.labels(), "4711+ 4711+ 4711+ 4711 4711 4711");
              findings.expect(set_label(tree.path("sub"), {.id = 9, .inherit = true}), "set");
              findings.expect_equal(what_of(unlabel_tree(tree.fd(), id, {.id = 5, .inherit = true})), "");
              findings.expect_equal(tree.labels(), "5+ 9+ 5+ 5 5 5");
          }) == "");
}

TEST_CASE("a directory that has the id and does not inherit is made to (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk&, Tree& tree) {
              findings.expect(label_tree(tree.fd(), id).has_value(), "label");
              findings.expect(set_label(tree.path("sub"), {.id = id, .inherit = false}), "set");
              findings.expect(label_tree(tree.fd(), id).has_value(), "label");
              findings.expect_equal(tree.labels(), "4711+ 4711+ 4711+ 4711 4711 4711");
          }) == "");
}

TEST_CASE("before Linux 6.17 symlinks and special files keep theirs, which is told once (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk&, Tree& tree) {
              for (const int error : {ENOSYS, EOPNOTSUPP, ENOTTY}) {
                  const FailingCall none(file_getattr, error);
                  const auto left_out = label_tree(tree.fd(), id);
                  findings.expect(left_out && *left_out == 2, "left out");
                  expect_census(findings, tree, 6, 2);
                  const auto again = label_tree(tree.fd(), id); // in directories that had the id: made as they are
                  findings.expect(again && *again == 0, "left out again");
                  findings.expect_equal(what_of(unlabel_tree(tree.fd(), id, {})), "");
                  findings.expect_equal(tree.labels(), "0 0 0 0 0 0");
              }
          }) == "");
}

TEST_CASE("what a container made in a labelled directory counts, special files as well (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk&, Tree& tree) {
              findings.expect(label_tree(tree.fd(), id).has_value(), "label");
              const bool all = kernel_has_file_getattr();
              std::filesystem::create_symlink("x", tree.path("sub/empty/new-link"));
              test::write_file(tree.path("sub/empty/new"), "");
              expect_census(findings, tree, all ? 10 : 7, all ? 0 : 3);
          }) == "");
}

TEST_CASE("a symlink is never followed out of the tree (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk& disk, Tree& tree) {
              std::filesystem::create_directory(disk.path("outside"));
              test::write_file(disk.path("outside/file"), "");
              std::filesystem::create_directory_symlink("../outside", tree.path("way"));
              findings.expect(label_tree(tree.fd(), id).has_value(), "label");
              findings.expect_equal(label_at(disk.path("outside")), "0");
              findings.expect_equal(label_at(disk.path("outside/file")), "0");
          }) == "");
}

TEST_CASE("a tree that is too deep is unsupported, with what mends it (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk&, Tree& tree) {
              auto at = test::open_directory(tree.path("sub"));
              for (int level = 0; level < 500; ++level) {
                  findings.expect(::mkdirat(at.borrow().number(), "d", 0700) == 0, "mkdir");
                  at = UniqueFd(::openat(at.borrow().number(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
              }
              const std::string words = "the layer holds directories more than 500 deep, too many to give it a project "
                                        "id; start from a new container";
              const auto labelled = label_tree(tree.fd(), id);
              findings.expect(!labelled && labelled.error().code == Code::unsupported, "label: code");
              findings.expect_equal(what_of(labelled), words);
              findings.expect_equal(what_of(count_labelled(tree.fd(), id)), words);
              findings.expect_equal(what_of(unlabel_tree(tree.fd(), id, {})),
                                    ""); // what labelling did not get to either
          }) == "");
}

TEST_CASE("labelling: each call that fails is told, and all of it can be taken back (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_tree([](Findings& findings, Disk&, Tree& tree) {
              for (const long number :
                   {long{SYS_ioctl}, long{SYS_openat}, long{SYS_newfstatat}, long{SYS_getdents64}}) {
                  int let_through = 0;
                  for (;; ++let_through) {
                      bool failed = false;
                      {
                          const FailingCall failing(number, EIO, let_through, 1);
                          const auto labelled = label_tree(tree.fd(), id);
                          failed = FailingCall::seen() > let_through;
                          findings.expect(labelled.has_value() != failed, "label: " + std::to_string(number));
                          findings.expect(labelled || labelled.error().number == EIO, "errno");
                      }
                      findings.expect_equal(what_of(unlabel_tree(tree.fd(), id, {})), "");
                      findings.expect_equal(tree.labels(), "0 0 0 0 0 0");
                      if (!failed) {
                          break;
                      }
                  }
                  findings.expect(let_through > 2, "not called: " + std::to_string(number));
              }
              const FailingCall failing(file_getattr, EIO);
              findings.expect(!label_tree(tree.fd(), id), "label");
              findings.expect(!count_labelled(tree.fd(), id), "count");
              findings.expect(!unlabel_tree(tree.fd(), id, {}), "unlabel");
          }) == "");
}
