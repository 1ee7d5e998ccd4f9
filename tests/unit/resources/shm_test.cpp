// SPDX-License-Identifier: Apache-2.0
// With real mounts below a directory that plays the container's root, each test in a mount namespace of its own.
#include "runtime/resources/shm.h"

#include "support/failing_call.h"
#include "support/shm_box.h"

#include <cerrno>

using namespace bulkhead;
using namespace bulkhead::test;

TEST_CASE("shm of the container's own: resized, and undone (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.own_shm();
              auto shm = box.prepare(8 * mebibyte);
              box.expect_shm(four_mebibytes); // prepare() changes nothing
              findings.expect(shm.record().old_size == Bytes{4 * mebibyte}, "old size");
              findings.expect(shm.record().new_size == Bytes{8 * mebibyte}, "new size");
              findings.expect(shm.record().source.empty() && !shm.record().shared, "record");
              box.apply(shm);
              box.expect_shm("8388608");
              findings.expect(shm.undo().has_value(), "undo");
              box.expect_shm(four_mebibytes);
          }) == "");
}

TEST_CASE("shm: sizes are rounded up to pages (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.own_shm();
              const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
              for (const auto& [size, rounded] :
                   {std::pair{std::uint64_t{1}, page}, {page, page}, {page + 1, 2 * page}}) {
                  findings.expect(box.prepare(size).record().new_size == Bytes{rounded}, std::to_string(size));
              }
              auto shm = box.prepare(page + 1);
              box.apply(shm);
              box.expect_shm(std::to_string(2 * page));
          }) == "");
}

TEST_CASE("shm: below what is used is refused with both numbers (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings&, Box& box) {
              box.own_shm();
              test::write_file(box.root("/dev/shm/file"), std::string(2 * mebibyte, 'x'));
              box.expect_refusal(shm_size(mebibyte), Code::busy,
                                 "/dev/shm already holds 2Mi, more than 1Mi; ask for more or empty it");
              auto shm = box.prepare(2 * mebibyte);
              box.apply(shm);
              box.expect_shm("2097152/2097152");
          }) == "");
}

TEST_CASE("shm without a limit cannot be given one (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings&, Box& box) {
              box.own_shm("size=0");
              box.expect_refusal(shm_size(mebibyte), Code::unsupported,
                                 "the engine made /dev/shm without a size limit, and the kernel sets none later; give "
                                 "the engine one (podman, docker: --shm-size)");
          }) == "");
}

TEST_CASE("shm that the engine made for the container (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.engines_shm();
              auto shm = box.prepare(8 * mebibyte);
              findings.expect_equal(shm.record().source, box.host());
              findings.expect(!shm.record().shared, "shared");
              box.apply(shm);
              findings.expect_equal(tmpfs_at(box.host()), "8388608");
              findings.expect(shm.undo().has_value(), "undo");
              findings.expect_equal(tmpfs_at(box.host()), four_mebibytes);
          }) == "");
}

TEST_CASE("shm of a pod has one size and never shrinks (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.engines_shm();
              box.container.engine.family = oci::Family::containerd;
              auto shm = box.prepare(8 * mebibyte);
              findings.expect(shm.record().shared, "not shared");
              box.apply(shm);
              findings.expect(shm.undo().has_value(), "undo");
              findings.expect_equal(tmpfs_at(box.host()), "8388608");
              auto one = shm_size(8 * mebibyte);
              one.for_one_container = true;
              box.expect_refusal(one, Code::unsupported,
                                 "/dev/shm is shared by the pod, so it has one size; use the key without /CONTAINER");
              box.container.engine.family = oci::Family::none;
              box.container.spec.ipc = oci::IpcNamespace::joined;
              findings.expect(box.prepare(9 * mebibyte).record().shared, "joined: not shared");
              box.container.spec.ipc = oci::IpcNamespace::host;
              findings.expect(box.prepare(9 * mebibyte).record().shared, "host: not shared");
          }) == "");
}

TEST_CASE("shm: what is bound from the host tells before there is a container (root, mounts of its own)" *
          needs_mounts) {
    auto one = shm_size(8 * mebibyte);
    one.for_one_container = true;
    CHECK(in_box([&](Findings&, Box& box) {
              box.engines_shm();
              box.expect_foreseen(one, false);
              box.container.engine.family = oci::Family::containerd;
              box.expect_foreseen(shm_size(8 * mebibyte), false);
              box.expect_foreseen(one, true);
          }) == "");
    CHECK(in_box([&](Findings&, Box& box) {
              box.engines_shm("cache");
              box.expect_foreseen(shm_size(8 * mebibyte), true);
              box.expect_foreseen(test::by_default(oci::Key::shm_size, mebibyte), false);
              box.container.spec.dev_shm.source = box.host("/not there");
              box.expect_foreseen(shm_size(8 * mebibyte), false);
          }) == "");
    CHECK(in_box([&](Findings&, Box& box) {
              box.engines_shm("shm", "/part");
              box.expect_foreseen(shm_size(8 * mebibyte), false); // seen on the container alone
          }) == "");
    CHECK(in_box([&](Findings&, Box& box) {
              box.own_shm();
              box.expect_foreseen(one, false);
          }) == "");
}

TEST_CASE("shm that is the host's own is never touched (root, mounts of its own, a tmpfs on /dev/shm)" *
          doctest::skip(!test::can_mount_privately() || hosts_size() == "none")) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.bind("/dev/shm");
              const auto before = hosts_size();
              for (const auto kind : {MountKind::foreign, MountKind::tmpfs, MountKind::none}) {
                  box.container.spec.dev_shm.kind = kind;
                  box.expect_refusal(shm_size(8 * mebibyte), Code::not_allowed,
                                     "/dev/shm is the host's own; run the container without --ipc=host (hostIPC) or a "
                                     "bind of /dev/shm");
                  box.expect_foreseen(shm_size(8 * mebibyte), kind == MountKind::foreign);
                  findings.expect_equal(hosts_size(), before);
              }
          }) == "");
}

TEST_CASE("shm: another tmpfs of the host's, or a part of one, is not touched (root, mounts of its own)" *
          needs_mounts) {
    const std::string end = "), bound into the container; only one that the engine made for it can be resized";
    CHECK(in_box([&](Findings& findings, Box& box) {
              box.engines_shm("cache");
              box.expect_refusal(shm_size(8 * mebibyte), Code::not_allowed,
                                 "/dev/shm is a tmpfs of the host's (\"cache\"" + end);
              findings.expect_equal(tmpfs_at(box.host()), four_mebibytes);
          }) == "");
    CHECK(in_box([&](Findings&, Box& box) {
              box.engines_shm("shm", "/part");
              box.expect_refusal(shm_size(8 * mebibyte), Code::not_allowed,
                                 "/dev/shm is a tmpfs of the host's (\"shm\"" + end);
          }) == "");
}

// A kernel without statmount(2), one whose answer has no source (before Linux 6.13), and a unit that may not call it.
TEST_CASE("shm: whose tmpfs it is can be read in mountinfo as well (root, mounts of its own)" * needs_mounts) {
    constexpr long number_of_statmount = 457;
    for (const int failure : {ENOSYS, EINVAL, EPERM}) {
        CHECK(in_box([&](Findings& findings, Box& box) {
                  const test::FailingCall failing(number_of_statmount, failure);
                  box.engines_shm("cache");
                  box.expect_refusal(
                      shm_size(8 * mebibyte), Code::not_allowed,
                      "/dev/shm is a tmpfs of the host's (\"cache\"), bound into the container; only one "
                      "that the engine made for it can be resized");
                  ::umount2(box.root("/dev/shm").c_str(), MNT_DETACH);
                  ::umount2(box.host().c_str(), MNT_DETACH);
                  box.engines_shm();
                  auto shm = box.prepare(8 * mebibyte);
                  box.apply(shm);
                  findings.expect_equal(tmpfs_at(box.host()), "8388608");
              }) == "");
    }
}

TEST_CASE("shm: a volume is no tmpfs (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              std::filesystem::create_directories(box.root("/dev/shm"));
              findings.expect(::mount("x", box.root("/dev/shm").c_str(), "ramfs", 0, nullptr) == 0, "mount ramfs");
              box.container.spec.dev_shm = {.kind = MountKind::foreign, .source = "/x"};
              box.expect_refusal(shm_size(mebibyte), Code::unsupported,
                                 "/dev/shm is a volume, not a tmpfs; remove the mount on /dev/shm");
          }) == "");
}

TEST_CASE("shm: symlinks and files in the image are refused (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              findings.expect(test::mount_tmpfs(box.host(), "shm", "size=4m"), "mount");
              std::filesystem::create_symlink(box.host(), box.root("/dev/shm"));
              box.expect_refusal(shm_size(mebibyte), Code::unsupported,
                                 "/dev/shm goes through a symlink in the image; make it a directory there");
              ::umount2(box.root("/dev").c_str(), MNT_DETACH);
              ::rmdir(box.root("/dev").c_str());
              std::filesystem::create_symlink(box.host(), box.root("/dev"));
              box.expect_refusal(shm_size(mebibyte), Code::unsupported,
                                 "/dev/shm goes through a symlink in the image; make it a directory there");
              std::filesystem::remove(box.root("/dev"));
              test::write_file(box.root("/dev"), "");
              box.expect_refusal(shm_size(mebibyte), Code::unsupported,
                                 "/dev/shm is no directory in the image; make it one there");
              std::filesystem::remove(box.root("/dev"));
              std::filesystem::create_directory(box.root("/dev"));
              test::write_file(box.root("/dev/shm"), "");
              box.expect_refusal(shm_size(mebibyte), Code::unsupported,
                                 "/dev/shm is no directory in the image; make it one there");
              std::filesystem::remove_all(box.root("/dev"));
              box.expect_refusal(shm_size(mebibyte), Code::unsupported,
                                 "the image has no /dev directory; make one there");
          }) == "");
}

TEST_CASE("no shm: none is made in a /dev of the host's (root, mounts of its own)" * needs_mounts) {
    const std::string reason = "the container has no /dev/shm, and its /dev is a mount of the host's, where none is "
                               "made; let the engine mount /dev and /dev/shm";
    CHECK(in_box([&](Findings& findings, Box& box) {
              box.container.spec.dev.kind = MountKind::foreign;
              box.expect_refusal(shm_size(mebibyte), Code::not_allowed, reason);
              box.container.spec.dev.kind = MountKind::tmpfs;
              findings.expect(::mount(nullptr, box.root("/dev").c_str(), nullptr, MS_SHARED, nullptr) == 0, "shared");
              box.expect_refusal(shm_size(mebibyte), Code::not_allowed, reason);
          }) == "");
    // What config.json has for another place lies on /dev by a symlink in the image.
    CHECK(in_box([&](Findings& findings, Box& box) {
              box.container.spec.dev.kind = MountKind::none;
              box.expect_refusal(shm_size(mebibyte), Code::not_allowed, reason);
              box.container.spec.dev.kind = MountKind::tmpfs;
              std::filesystem::create_directories(box.host());
              findings.expect(::mount(box.root("/dev").c_str(), box.host().c_str(), nullptr, MS_BIND, nullptr) == 0,
                              "bind");
              box.expect_refusal(shm_size(mebibyte), Code::not_allowed, reason);
          }) == "");
    CHECK(in_box([&](Findings& findings, Box& box) {
              ::umount2(box.root("/dev").c_str(), MNT_DETACH);
              findings.expect(::mount("x", box.root("/dev").c_str(), "ramfs", 0, nullptr) == 0, "ramfs");
              box.expect_refusal(shm_size(mebibyte), Code::not_allowed, reason);
          }) == "");
}

TEST_CASE("no shm and no mount on /dev: a directory of the root will do (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([&](Findings&, Box& box) {
              ::umount2(box.root("/dev").c_str(), MNT_DETACH);
              box.container.spec.dev.kind = MountKind::none;
              auto shm = box.prepare(mebibyte);
              box.apply(shm);
              box.expect_shm("1048576");
              ::umount(box.root("/dev/shm").c_str());
          }) == "");
}

TEST_CASE("no shm: one is made in the container's mount namespace, and undone (root, mounts of its own)" *
          needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              const test::IdleProcess inside([] { return ::unshare(CLONE_NEWNS) == 0; });
              findings.expect(inside.ready(), "unshare");
              test::FakeContainer container(inside.pid());
              container.spec = box.container.spec;
              const auto there = "/proc/" + std::to_string(inside.pid()) + "/root" + box.root("/dev/shm");
              auto shm = Shm::prepare(shm_size((8 * mebibyte) + 1), container.get());
              findings.expect(shm && !std::filesystem::exists(there), "prepare() changed something");
              findings.expect(shm->record().source.empty(), "something to release");
              const auto applied = shm->apply(container.get());
              findings.expect_equal(applied ? "" : applied.error().what, "");
              findings.expect_equal(tmpfs_at(there), std::to_string((8 * mebibyte) + 4096));
              struct stat status{};
              findings.expect(::stat(there.c_str(), &status) == 0 && (status.st_mode & 07777U) == 01777, "mode");
              box.expect_shm("none"); // not in ours
              findings.expect(shm->undo().has_value(), "undo");
              findings.expect(!std::filesystem::exists(there), "undo() left the directory");
          }) == "");
}

TEST_CASE("no shm: a directory of the image's stays where it was (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              std::filesystem::create_directory(box.root("/dev/shm"));
              auto shm = box.prepare(mebibyte);
              box.apply(shm);
              box.expect_shm("1048576");
              ::umount(box.root("/dev/shm").c_str());
              findings.expect(shm.undo().has_value(), "undo");
              findings.expect(std::filesystem::exists(box.root("/dev/shm")), "undo() removed it");
          }) == "");
}

TEST_CASE("no shm and a read-only /dev (root, mounts of its own)" * needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              findings.expect(::mount(nullptr, box.root("/dev").c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr) == 0,
                              "read-only");
              auto shm = box.prepare(mebibyte);
              const auto applied = shm.apply(box.container.get());
              findings.expect_equal(
                  applied ? "" : applied.error().what,
                  "io.bulkhead.shm-size=\"1048576\": /dev/shm is not there and the container's root is "
                  "read-only; make the directory in the image");
              findings.expect(shm.undo().has_value(), "undo");
          }) == "");
}

TEST_CASE("shm: the root of the container may be a symlink, and lies inside its process's root "
          "(root, mounts of its own)" *
          needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.own_shm();
              std::filesystem::create_directory_symlink("root", box.root("/../link"));
              box.container.spec.root = std::filesystem::path(box.root("/../link")).lexically_normal();
              box.expect_shm(four_mebibytes);
              findings.expect(box.prepare(mebibyte).record().old_size == Bytes{4 * mebibyte}, "old size");
              box.container.spec.root = "/no/such/root";
              box.expect_refusal(shm_size(mebibyte), Code::system,
                                 "container root: open /no/such/root: No such file or directory");
          }) == "");
}

TEST_CASE("a default of shm only makes smaller what the engine made for the container (root, mounts of its own)" *
          needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              const auto prepared = [&](std::uint64_t size) {
                  auto shm = Shm::prepare(test::by_default(oci::Key::shm_size, size), box.container.get());
                  findings.expect_equal(shm ? "" : shm.error().what, "");
                  return std::move(shm).value();
              };
              findings.expect(!prepared(mebibyte).does_something(), "made one where there is none");
              box.own_shm();
              for (const std::uint64_t size : {4 * mebibyte, 8 * mebibyte}) {
                  const auto shm = prepared(size);
                  findings.expect(!shm.does_something() && shm.notes().empty(), "enlarged, or told of it");
              }
              auto shm = prepared(mebibyte);
              findings.expect(shm.does_something(), "not made smaller");
              box.apply(shm);
              box.expect_shm("1048576");
              findings.expect(shm.undo().has_value(), "undo");
              box.expect_shm(four_mebibytes);
          }) == "");
}

TEST_CASE("a default of shm leaves what is somebody else's alone, and says so (root, mounts of its own)" *
          needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.engines_shm("somebody's");
              const auto shm = Shm::prepare(test::by_default(oci::Key::shm_size, mebibyte), box.container.get());
              findings.expect(shm && !shm->does_something(), "resized");
              findings.expect(shm && shm->notes().size() == 1 &&
                                  shm->notes()[0].starts_with("FILE: defaults.shm-size=\"1048576\": /dev/shm is a "
                                                              "tmpfs of the host's"),
                              "not told");
              box.expect_shm(four_mebibytes);
          }) == "");
}
