// SPDX-License-Identifier: Apache-2.0
// With real overlays on a disk of the test's own, each test in a mount namespace of its own.
#include "runtime/resources/layer.h"

#include "runtime/sys/file.h"
#include "support/failing_call.h"
#include "support/fake_layer.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using resources::Layer;
using resources::layer_paths;
using test::Disk;
using test::DiskKind;
using test::FakeLayer;
using test::Findings;
using test::what_of;

namespace {

const auto needs_xfs = doctest::skip(!test::can_mount_xfs());

sys::MountInfo overlay(const std::string& options, const std::string& point = "/home/id/merged") {
    sys::MountInfo mount;
    mount.root = "/";
    mount.point = point;
    mount.type = "overlay";
    mount.options = options;
    return mount;
}

std::string on_xfs(const std::function<void(Findings&, Disk&, FakeLayer&)>& body) {
    return test::on_disk(DiskKind::xfs, "", [&](Findings& findings, Disk& disk) {
        FakeLayer fake(disk);
        body(findings, disk, fake);
    });
}

ino_t inode_of(const std::string& path) { return sys::status_at(sys::working_directory, path)->inode; }

} // namespace

TEST_CASE("upperdir and workdir out of a mount's options") {
    const auto paths = layer_paths(overlay("rw,lowerdir=/l,upperdir=/u/diff,workdir=/u/work,index=off"));
    REQUIRE(paths);
    CHECK(paths->upper == "/u/diff");
    CHECK(paths->work == "/u/work");
    const auto odd = layer_paths(overlay(R"(rw,lowerdir=/l,upperdir=/a\054b\040c,workdir=/w)"));
    REQUIRE(odd);
    CHECK(odd->upper == "/a,b c");
    // From two directories above the mount point, where docker and containers/storage are when they mount.
    const auto relative = layer_paths(overlay("rw,lowerdir=l/A,upperdir=id/diff,workdir=id/work"));
    REQUIRE(relative);
    CHECK(relative->upper == "/home/id/diff");
    CHECK(relative->work == "/home/id/work");
}

TEST_CASE("a root that is no overlay of its own, or cannot be written, says so") {
    const auto refusal = [](const sys::MountInfo& mount) {
        const auto paths = layer_paths(mount);
        REQUIRE(!paths);
        CHECK(paths.error().code == Code::unsupported);
        return paths.error().what;
    };
    auto mount = overlay("rw,upperdir=/u,workdir=/w");
    mount.type = "xfs";
    CHECK(refusal(mount) == "the container's root is xfs, not an overlay; a disk limit needs the engine's overlay "
                            "driver (overlay2, overlayfs)");
    mount = overlay("rw,upperdir=/u,workdir=/w");
    mount.root = "/part \"x\"";
    CHECK(refusal(mount).starts_with("the container's root is a part of an overlay (\"/part"));
    for (const std::string options : {"ro,lowerdir=/a:/b", "rw,upperdir=/u", "rw,workdir=/w", ""}) {
        CHECK(refusal(overlay(options)) == "the container's root is an overlay without an upper layer, so nothing can "
                                           "be written; leave the disk limit out");
    }
}

TEST_CASE("a layer is found, with its home and its disk (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk& disk, FakeLayer& fake) {
              findings.expect(fake.mount(), "overlay");
              const auto layer = fake.find();
              findings.expect_equal(what_of(layer), "");
              findings.expect_equal(layer->upper_path(), fake.path("diff"));
              findings.expect(sys::status_of(layer->upper())->inode == inode_of(fake.path("diff")), "upper");
              findings.expect(sys::status_of(layer->work())->inode == inode_of(fake.path("work")), "work");
              findings.expect(layer->has_home(), "no home");
              findings.expect(sys::status_of(layer->home())->inode == inode_of(disk.path("overlay")), "home");
              findings.expect_equal(layer->filesystem(), test::disk_uuid());
              findings.expect(layer->size().type == sys::FilesystemType::xfs, "type");
              findings.expect(layer->device() == sys::status_of(disk.root())->device, "device");
              findings.expect(sys::project_label(layer->merged()).has_value(), "merged is not opened for reading");
          }) == "");
}

TEST_CASE("a layer by O_PATH, and by relative paths (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk& disk, FakeLayer& fake) {
              findings.expect(::chdir(disk.path("overlay").c_str()) == 0, "chdir");
              findings.expect(disk.overlay(fake.path("merged"), "lowerdir=a/lower,upperdir=a/diff,workdir=a/work"),
                              "overlay");
              findings.expect(::chdir("/") == 0, "chdir");
              const UniqueFd root(::open(fake.merged().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
              const auto layer = Layer::find(root.borrow(), test::this_process());
              findings.expect_equal(what_of(layer), "");
              findings.expect_equal(layer->upper_path(), fake.path("diff"));
          }) == "");
}

TEST_CASE("a layer whose path has blanks and the like (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              FakeLayer fake(disk, "a b\t#\"=\n");
              findings.expect(disk.overlay(fake.path("merged"), "lowerdir=" + disk.beside("") +
                                                                    ",upperdir=" + fake.path("diff") +
                                                                    ",workdir=" + fake.path("work")),
                              "overlay");
              const auto layer = fake.find();
              findings.expect_equal(what_of(layer), "");
              findings.expect_equal(layer->upper_path(), fake.path("diff"));
          }) == "");
}

TEST_CASE("a root that is a directory inside of a mount (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk& disk, FakeLayer& fake) {
              findings.expect_equal(what_of(fake.find()),
                                    "the container's root is a directory inside of a mount (xfs), not an overlay of "
                                    "its own; a disk limit needs one");
              findings.expect(fake.mount(), "overlay");
              std::filesystem::create_directory(fake.merged("sub"));
              findings.expect(what_of(fake.find("sub")).contains("inside of a mount (overlay)"), "sub");
              findings.expect(disk.bind(fake.merged("sub"), fake.merged("sub")), "bind");
              findings.expect_equal(what_of(fake.find("sub")),
                                    "the container's root is a part of an overlay (\"/sub\"); a disk limit needs an "
                                    "overlay of its own");
          }) == "");
}

TEST_CASE("a root that is read-only (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk& disk, FakeLayer& fake) {
              findings.expect(
                  disk.overlay(fake.path("merged"), "lowerdir=" + fake.path("lower") + ":" + fake.path("diff")),
                  "overlay");
              const auto layer = fake.find();
              findings.expect(!layer && layer.error().code == Code::unsupported, "code");
              findings.expect(what_of(layer).contains("without an upper layer"), what_of(layer));
          }) == "");
}

TEST_CASE("a layer that lies at the root of its disk has no home (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              for (const std::string name : {"diff", "work", "merged"}) {
                  std::filesystem::create_directory(disk.path(name));
              }
              findings.expect(disk.overlay(disk.path("merged"), "lowerdir=/proc/self,upperdir=" + disk.path("diff") +
                                                                    ",workdir=" + disk.path("work")) ||
                                  disk.overlay(disk.path("merged"), "lowerdir=" + disk.beside("") +
                                                                        ",upperdir=" + disk.path("diff") +
                                                                        ",workdir=" + disk.path("work")),
                              "overlay");
              const auto root = test::open_directory(disk.path("merged"));
              const auto layer = Layer::find(root.borrow(), test::this_process());
              findings.expect_equal(what_of(layer), "");
              findings.expect(!layer->has_home(), "it has a home");
              findings.expect(layer->size().bytes.value > 0, "size");
          }) == "");
}

TEST_CASE("what lies over a layer's directories is noticed (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk& disk, FakeLayer& fake) {
              findings.expect(fake.mount(), "overlay");
              findings.expect(disk.tmpfs(fake.path("work")), "tmpfs");
              const auto layer = fake.find();
              findings.expect(!layer && layer.error().code == Code::unsupported, "code");
              findings.expect_equal(what_of(layer), "the overlay's upperdir and workdir are on different file systems "
                                                    "by now; is something mounted over one of them?");
          }) == "");
}

TEST_CASE("a layer whose directories are gone, or symlinks by now (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk&, FakeLayer& fake) {
              findings.expect(fake.mount(), "overlay");
              std::filesystem::rename(fake.path("diff"), fake.path("elsewhere"));
              auto layer = fake.find();
              findings.expect(!layer && layer.error().number == ENOENT, "gone");
              findings.expect_equal(what_of(layer),
                                    "the overlay's layer: open " + fake.path("diff") + ": No such file or directory");
              std::filesystem::create_directory_symlink("elsewhere", fake.path("diff"));
              layer = fake.find();
              findings.expect(!layer && (layer.error().number == ENOTDIR || layer.error().number == ELOOP), "symlink");
          }) == "");
}

TEST_CASE("a layer: a mount of another mount namespace, and each call that fails (root, an XFS of its own)" *
          needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk&, FakeLayer& fake) {
              const test::IdleProcess elsewhere([] { return ::unshare(CLONE_NEWNS) == 0; });
              findings.expect(elsewhere.ready(), "unshare");
              findings.expect(fake.mount(), "overlay");
              const auto root = test::open_directory(fake.merged());
              const auto other = sys::Process::open(elsewhere.pid()).value();
              const auto foreign = Layer::find(root.borrow(), other);
              findings.expect(!foreign && foreign.error().number == ENOENT, what_of(foreign));
              const auto own = test::this_process();
              for (const long number : {long{SYS_openat}, long{SYS_newfstatat}, long{SYS_fstatfs}, long{SYS_read}}) {
                  for (int let_through = 0;; ++let_through) {
                      const test::FailingCall failing(number, EIO, let_through, 1);
                      const auto layer = Layer::find(root.borrow(), own);
                      if (test::FailingCall::seen() <= let_through) {
                          findings.expect(layer.has_value(), "it failed without reason");
                          break;
                      }
                      findings.expect(!layer && layer.error().number == EIO, std::to_string(number));
                  }
              }
          }) == "");
}

TEST_CASE("a layer is found by mountinfo where there is no statmount (root, an XFS of its own)" * needs_xfs) {
    CHECK(on_xfs([](Findings& findings, Disk&, FakeLayer& fake) {
              constexpr long number_of_statmount = 457;
              findings.expect(fake.mount(), "overlay");
              const test::FailingCall failing(number_of_statmount, ENOSYS);
              const auto layer = fake.find();
              findings.expect_equal(what_of(layer), "");
              findings.expect_equal(layer->upper_path(), fake.path("diff"));
          }) == "");
}
