// SPDX-License-Identifier: Apache-2.0
// With real mounts below a directory that plays the container's root, each test in a mount namespace of its own.
#include "runtime/resources/shm.h"

#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "support/failing_call.h"
#include "support/fake_container.h"
#include "support/private_mounts.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

using namespace bulkhead;
using oci::MountKind;
using resources::release_shm;
using resources::Shm;
using resources::ShmRecord;
using test::asked;
using test::Findings;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

oci::Setting shm_size(std::uint64_t size) { return asked(oci::Key::shm_size, size); }

// "SIZE" of the tmpfs at `path`, "USED/SIZE" where something is in it, "none" where there is no tmpfs's root.
std::string tmpfs_at(const std::string& path) {
    const auto directory = sys::open_at(sys::working_directory, path, O_PATH | O_DIRECTORY);
    const auto place = directory ? sys::place_of(directory->borrow()) : std::unexpected(directory.error());
    struct statfs status{};
    if (!place || !place->mount_root || ::statfs(path.c_str(), &status) != 0 || status.f_type != TMPFS_MAGIC) {
        return "none";
    }
    const auto use = sys::tmpfs_use(directory->borrow());
    return (use->used.value != 0 ? std::to_string(use->used.value) + "/" : "") + std::to_string(use->size.value);
}

// SIZE of the host's own /dev/shm, or "none". What is used of it may change while we look.
std::string hosts_size() {
    const auto text = tmpfs_at("/dev/shm");
    return text.substr(text.find('/') + 1);
}

// A root directory with /dev, a tmpfs, and the container that has it.
class Box {
public:
    explicit Box(Findings& findings) : findings_(findings), container(process_.pid()) {
        findings.expect(test::mount_tmpfs(root("/dev"), "tmpfs", "mode=755"), "mount /dev");
        container.spec.root = root();
        container.spec.dev.kind = MountKind::tmpfs;
    }

    [[nodiscard]] std::string root(const std::string& path = "") const { return directory_.path("root") + path; }
    [[nodiscard]] std::string host(const std::string& path = "") const { return directory_.path("host") + path; }

    // A tmpfs on /dev/shm that the runtime would have made.
    void own_shm(const char* options = "size=4m") {
        findings_.expect(test::mount_tmpfs(root("/dev/shm"), "shm", options), "mount /dev/shm");
        container.spec.dev_shm.kind = MountKind::tmpfs;
    }
    // One that an engine would have made on the host and bound into the container; `part` of it where that is not "".
    void engines_shm(const char* source = "shm", const std::string& part = "") {
        findings_.expect(test::mount_tmpfs(host(), source, "size=4m"), "mount on the host");
        std::filesystem::create_directories(host(part));
        bind(host(part));
    }
    void bind(const std::string& source) {
        std::filesystem::create_directories(root("/dev/shm"));
        findings_.expect(::mount(source.c_str(), root("/dev/shm").c_str(), nullptr, MS_BIND, nullptr) == 0, "bind");
        container.spec.dev_shm = {.kind = MountKind::foreign, .source = source};
        container.spec.ipc = oci::IpcNamespace::own;
    }

    [[nodiscard]] Shm prepare(std::uint64_t size) const {
        auto shm = Shm::prepare(shm_size(size), container.get());
        findings_.expect_equal(shm ? "" : shm.error().what, "");
        return std::move(shm).value();
    }
    void apply(Shm& shm) const {
        const auto applied = shm.apply(container.get());
        findings_.expect_equal(applied ? "" : applied.error().what, "");
    }
    void expect_refusal(const oci::Setting& size, Code code, std::string_view what) const {
        const auto shm = Shm::prepare(size, container.get());
        findings_.expect_equal(shm ? "prepared" : shm.error().what, size.explain({.what = std::string(what)}).what);
        findings_.expect(shm || shm.error().code == code, "code");
    }
    // Told or not before there is a container, by a process that has the host's mounts: what is told is what comes.
    void expect_foreseen(const oci::Setting& size, bool told) const {
        const auto here = sys::Process::open(::getpid()).value();
        const auto foreseen = resources::foresee_shm(
            size, {.id = container.id, .process = here, .spec = container.spec, .engine = container.engine});
        const auto shm = Shm::prepare(size, container.get());
        findings_.expect(foreseen.has_value() != told, told ? "not foreseen" : "foreseen");
        if (!foreseen) {
            findings_.expect_equal(foreseen.error().what, shm ? "prepared" : shm.error().what);
            findings_.expect(shm || shm.error().code == foreseen.error().code, "code");
        }
    }
    void expect_shm(std::string_view expected) const { findings_.expect_equal(tmpfs_at(root("/dev/shm")), expected); }

private:
    Findings& findings_;
    test::TemporaryDirectory directory_;
    test::IdleProcess process_;

public:
    test::FakeContainer container;
};

template <typename Body>
std::string in_box(Body body) {
    return test::in_private_mounts([&](Findings& findings) {
        Box box(findings);
        body(findings, box);
        static_cast<void>(::umount2(box.host().c_str(), MNT_DETACH));
        static_cast<void>(::umount2(box.root("/dev").c_str(), MNT_DETACH));
    });
}

const auto needs_mounts = doctest::skip(!test::can_mount_privately());

const std::string four_mebibytes = "4194304";

} // namespace

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

TEST_CASE("release: nothing recorded, or nothing there, is nothing to do") {
    CHECK(release_shm({}));
    CHECK(release_shm({.source = "/no/such/place", .device = 1, .old_size = Bytes{1}, .new_size = Bytes{2}}));
    const test::TemporaryDirectory directory; // a plain directory where the tmpfs was
    CHECK(release_shm({.source = directory.path(), .device = 1, .old_size = Bytes{1}, .new_size = Bytes{2}}));
}

TEST_CASE("release: the old size comes back only where all is as it was left (root, mounts of its own)" *
          needs_mounts) {
    CHECK(in_box([](Findings& findings, Box& box) {
              box.engines_shm();
              auto shm = box.prepare(8 * mebibyte);
              box.apply(shm);
              const auto expect = [&](const ShmRecord& record, std::string_view size) {
                  findings.expect(release_shm(record).has_value(), "it failed");
                  findings.expect_equal(tmpfs_at(box.host()), size);
              };
              auto changed = shm.record();
              changed.device += 1; // another tmpfs on the same place
              expect(changed, "8388608");
              changed = shm.record();
              changed.shared = true;
              expect(changed, "8388608");
              changed = shm.record();
              changed.new_size = Bytes{9 * mebibyte}; // somebody resized it after us
              expect(changed, "8388608");
              changed = shm.record();
              changed.source = box.host("/sub"); // no mount root
              std::filesystem::create_directory(changed.source);
              expect(changed, "8388608");
              std::filesystem::remove(changed.source);
              test::write_file(box.host("/file"), std::string(5 * mebibyte, 'x'));
              expect(shm.record(), "5242880/8388608");
              std::filesystem::remove(box.host("/file"));
              expect(shm.record(), four_mebibytes);
              expect(shm.record(), four_mebibytes);
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
