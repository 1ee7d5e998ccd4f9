// SPDX-License-Identifier: Apache-2.0
#include "runtime/resources/shm.h"

#include "runtime/base/quantity.h"
#include "runtime/resources/container_path.h"
#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/namespace.h"
#include "runtime/sys/statmount.h"

#include <cerrno>
#include <utility>

namespace bulkhead::resources {

namespace {

constexpr mode_t shm_mode = 01777;

std::unexpected<Error> unsupported(std::string what) { return fail(Code::unsupported, std::move(what)); }
std::unexpected<Error> not_allowed(std::string what) { return fail(Code::not_allowed, std::move(what)); }

// A tmpfs that somebody mounted on the host is taken for a container's /dev/shm only by what containerd, CRI-O, docker
// and podman alike do: the mount is called "shm" and is bound as a whole. Any other one serves the host in another way.
Result<void> require_engines_shm(const sys::MountInfo& mount) {
    if (mount.source != "shm" || mount.root != "/") {
        return not_allowed("/dev/shm is a tmpfs of the host's (" + in_quotes(mount.source) +
                           "), bound into the container; only one that the engine made for it can be resized");
    }
    return {};
}

Result<void> require_runtimes_tmpfs(const sys::MountSurvey& survey, const oci::SpecMount& word) {
    if (!is_runtimes_tmpfs(survey, word)) {
        return not_allowed(
            "/dev/shm is a tmpfs that is mounted elsewhere as well; only one that the engine made for the "
            "container can be resized");
    }
    return {};
}

Result<void> require_tmpfs(const sys::MountInfo& mount) {
    return mount.type == "tmpfs" ? Result<void>{}
                                 : unsupported("/dev/shm is a volume, not a tmpfs; remove the mount on /dev/shm");
}

Result<void> require_not_hosts(const sys::Place& place) {
    TRY_ASSIGN(const auto host, is_hosts(place, "/dev/shm"));
    return host ? not_allowed("/dev/shm is the host's own; run the container without --ipc=host (hostIPC) or a bind of "
                              "/dev/shm")
                : Result<void>{};
}

Result<void> require_containers_own_kind(BorrowedFd root, const Container& container, const sys::Place& place) {
    TRY(require_not_hosts(place));
    const auto& word = container.spec.dev_shm;
    if (word.kind == oci::MountKind::tmpfs) {
        TRY_ASSIGN(const auto found, survey_place(container, place));
        TRY(require_tmpfs(*found.mount));
        return require_runtimes_tmpfs(found, word);
    }
    TRY_ASSIGN(const auto mount, sys::mount_of(root, container.process, sys::Source::needed));
    TRY(require_tmpfs(mount));
    return require_engines_shm(mount);
}

Result<void> require_one_size(const oci::Setting& size, const Container& container) {
    return size.for_one_container && is_shm_shared(container.spec, container.engine)
               ? unsupported("/dev/shm is shared by the pod, so it has one size; use the key without /CONTAINER")
               : Result<void>{};
}

Result<void> check_size(const sys::TmpfsUse& use, Bytes size) {
    if (use.size.value == 0) {
        return unsupported("the engine made /dev/shm without a size limit, and the kernel sets none later; give the "
                           "engine one (podman, docker: --shm-size)");
    }
    if (use.used > size) {
        return fail(Code::busy, "/dev/shm already holds " + format(use.used) + ", more than " + format(size) +
                                    "; ask for more or empty it");
    }
    return {};
}

// The directory that a tmpfs is to be mounted in: the container's /dev, a directory of its root or the tmpfs that the
// runtime made there. Anything else is somebody's volume. Nor a mount whose peers would see the new one as well.
Result<UniqueFd> open_parent(BorrowedFd root, const Container& container) {
    auto parent = open_without_symlinks(root, "dev");
    if (!parent) {
        return parent.error().number == ENOENT ? unsupported("the image has no /dev directory; make one there")
                                               : std::move(parent);
    }
    TRY_ASSIGN(const auto root_place, sys::place_of(root));
    TRY_ASSIGN(const auto place, sys::place_of(parent->borrow()));
    TRY_ASSIGN(const auto host, is_hosts(place, "/dev"));
    TRY_ASSIGN(const auto found, survey_place(container, place));
    const bool containers = place.mount_id == root_place.mount_id || is_runtimes_tmpfs(found, container.spec.dev);
    if (host || found.mount->shared || !containers) {
        return not_allowed("the container has no /dev/shm, and its /dev is a mount of the host's, where none is made; "
                           "let the engine mount /dev and /dev/shm");
    }
    return parent;
}

// What came to lie on the directory meanwhile is mounted upon as well: one that is shared makes ours so, and the host
// or other containers see it.
Result<void> attach(BorrowedFd mount, BorrowedFd directory, const Container& container) {
    TRY_ASSIGN(const auto ns, container.process.mount_namespace());
    TRY_ASSIGN(const auto visit, sys::MountNamespaceVisit::enter(ns.borrow()));
    TRY(sys::attach_mount(mount, directory));
    const auto attached = sys::mount_of(mount, container.process);
    if (attached && !attached->shared) {
        return {};
    }
    static_cast<void>(sys::detach_mount(mount)); // or it is gone already
    return attached ? fail(Code::busy, "/dev/shm was changed by somebody while it was mounted; try again")
                    : std::unexpected(attached.error());
}

// Of what is bound as a whole all is known; of a directory in it, which becomes a mount's root by being bound, whether
// it is the host's.
Result<void> foresee(const oci::Setting& size, const Container& here, BorrowedFd source) {
    TRY_ASSIGN(const auto place, sys::place_of(source));
    if (!place.mount_root) {
        return require_not_hosts(place);
    }
    TRY(require_containers_own_kind(source, here, place));
    return require_one_size(size, here);
}

} // namespace

// In Kubernetes the engine makes one for the pod; elsewhere containers that join another's IPC namespace get its.
bool is_shm_shared(const oci::Spec& spec, const oci::Engine& engine) {
    return spec.dev_shm.kind == oci::MountKind::foreign &&
           (engine.family != oci::Family::none || spec.ipc != oci::IpcNamespace::own);
}

Result<void> foresee_shm(const oci::Setting& size, const Container& here) {
    if (here.spec.dev_shm.kind != oci::MountKind::foreign || size.is_default()) {
        return {};
    }
    const auto opened = sys::open_at(sys::working_directory, here.spec.dev_shm.source, O_PATH | O_DIRECTORY);
    auto foreseen = opened ? foresee(size, here, opened->borrow()) : Result<void>{};
    const bool told = foreseen || foreseen.error().code == Code::system; // the engine has yet to mount it
    return told ? Result<void>{} : std::unexpected(size.explain(std::move(foreseen).error()));
}

Result<Shm> Shm::look(const oci::Setting& size, const Container& container) {
    TRY_ASSIGN(const auto root, open_root(container));
    Shm shm;
    auto opened = open_without_symlinks(root.borrow(), "dev/shm");
    if (!opened && opened.error().number != ENOENT) {
        return std::unexpected(opened.error());
    }
    sys::Place place;
    if (opened) {
        TRY_ASSIGN(place, sys::place_of(opened->borrow()));
    }
    if (!place.mount_root && size.is_default()) {
        return shm;
    }
    if (!place.mount_root) {
        TRY_ASSIGN(shm.parent_, open_parent(root.borrow(), container));
        shm.record_.new_size = round_up(Bytes{size.value}, sys::page_size());
        return shm;
    }
    if (auto own = require_containers_own_kind(opened->borrow(), container, place); !own) {
        if (!size.is_default() || own.error().code == Code::system) {
            return std::unexpected(std::move(own).error());
        }
        shm.notes_.push_back(size.explain(std::move(own).error()).what);
        return shm;
    }
    shm.record_.shared = is_shm_shared(container.spec, container.engine);
    TRY(require_one_size(size, container));
    TRY_ASSIGN(const auto use, sys::tmpfs_use(opened->borrow()));
    const bool small_enough = use.size.value != 0 && use.size <= round_up(Bytes{size.value}, use.page);
    if (size.is_default() && small_enough) {
        return shm;
    }
    shm.root_ = *std::move(opened);
    shm.record_.device = place.device;
    shm.record_.old_size = use.size;
    shm.record_.new_size = round_up(Bytes{size.value}, use.page);
    shm.record_.source = container.spec.dev_shm.source;
    TRY(check_size(use, shm.record_.new_size));
    return shm;
}

Result<Shm> Shm::prepare(const oci::Setting& size, const Container& container) {
    auto shm = look(size, container);
    if (!shm) {
        return std::unexpected(size.explain(std::move(shm).error()));
    }
    shm->asked_ = size;
    return shm;
}

Result<void> Shm::apply(const Container& container) {
    auto applied = put_up(container);
    return applied ? std::move(applied) : std::unexpected(asked_.explain(std::move(applied).error()));
}

Result<void> Shm::put_up(const Container& container) {
    if (root_.valid()) {
        TRY(sys::resize_tmpfs(root_.borrow(), record_.new_size));
        resized_ = true;
        return {};
    }
    TRY_ASSIGN(const auto owner, container.process.namespace_root());
    TRY_ASSIGN(made_directory_, make_directory(parent_.borrow(), "shm", owner, "dev/shm"));
    TRY_ASSIGN(const auto target, open_without_symlinks(parent_.borrow(), "shm"));
    TRY_ASSIGN(
        const auto mount,
        sys::make_tmpfs({.size = record_.new_size, .mode = shm_mode, .owner = owner.user, .group = owner.group}));
    return attach(mount.borrow(), target.borrow(), container);
}

Result<void> Shm::undo() {
    if (std::exchange(resized_, false) && !record_.shared) {
        return sys::resize_tmpfs(root_.borrow(), record_.old_size);
    }
    // Takes the mount on it along: it lies in a mount namespace that is not ours (rmdir(2), since Linux 3.18).
    return std::exchange(made_directory_, false) ? sys::remove_directory_at(parent_.borrow(), "shm") : Result<void>{};
}

Result<void> release_shm(const ShmRecord& record) {
    if (record.source.empty() || record.shared) {
        return {};
    }
    const auto root = sys::open_at(sys::working_directory, record.source, O_PATH | O_DIRECTORY);
    if (!root) { // the engine has taken it away
        const bool gone = root.error().number == ENOENT || root.error().number == ENOTDIR;
        return gone ? Result<void>{} : std::unexpected(root.error());
    }
    TRY_ASSIGN(const auto place, sys::place_of(root->borrow()));
    if (!place.mount_root || place.device != record.device) {
        return {};
    }
    TRY_ASSIGN(const auto use, sys::tmpfs_use(root->borrow()));
    if (use.size != record.new_size || use.used > record.old_size) {
        return {};
    }
    return sys::resize_tmpfs(root->borrow(), record.old_size);
}

} // namespace bulkhead::resources
