// SPDX-License-Identifier: Apache-2.0
// A directory with real mounts that plays a container's root, in a mount namespace of the test's own.
#pragma once

#include "runtime/resources/shm.h"

#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "support/fake_container.h"
#include "support/private_mounts.h"

#include <doctest/doctest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace bulkhead::test {

using oci::MountKind;
using resources::Shm;

inline constexpr std::uint64_t mebibyte = 1U << 20U;

inline oci::Setting shm_size(std::uint64_t size) { return asked(oci::Key::shm_size, size); }

// "SIZE" of the tmpfs at `path`, "USED/SIZE" where something is in it, "none" where there is no tmpfs's root.
inline std::string tmpfs_at(const std::string& path) {
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
inline std::string hosts_size() {
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

inline const auto needs_mounts = doctest::skip(!test::can_mount_privately());

inline const std::string four_mebibytes = "4194304";

} // namespace bulkhead::test
