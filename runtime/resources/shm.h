// SPDX-License-Identifier: Apache-2.0
// The size of a container's /dev/shm.
//
// It is a superblock's, not a mount's: in a pod it is everyone's. The host's own /dev/shm, and any other tmpfs that was
// not made to be a container's /dev/shm, is never touched (Code::not_allowed).
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/base/units.h"
#include "runtime/oci/request.h"
#include "runtime/resources/container.h"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace bulkhead::resources {

// What must be remembered to give the old size back when the container is gone.
struct ShmRecord {
    std::string source; // where the host has it mounted; empty where it lives and dies with the container
    std::uint64_t device = 0;
    Bytes old_size;
    Bytes new_size;      // what was asked for, rounded up to pages
    bool shared = false; // with the other containers of a pod: never made smaller again by us
};

class Shm {
public:
    // Looks at what is there and at whether `size` can be had; changes nothing. Errors, here and of apply(), name it.
    // Code::busy: more is in use already. Code::unsupported: no tmpfs, a symlink, or one of the cases named in the
    // message.
    //
    // A default is for what the engine made for the container and gave more: it makes nothing larger, and no mount
    // where there is none; what is somebody else's it leaves alone.
    [[nodiscard]] static Result<Shm> prepare(const oci::Setting& size, const Container& container);

    // False where there is nothing to do.
    [[nodiscard]] bool does_something() const { return root_.valid() || parent_.valid(); }
    [[nodiscard]] const ShmRecord& record() const { return record_; }
    // What an operator should know though nothing failed.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

    // Sets the size, or mounts a tmpfs where the container has none.
    [[nodiscard]] Result<void> apply(const Container& container);
    // Takes apply() back while the container is still being created. What is shared stays as it is.
    [[nodiscard]] Result<void> undo();

private:
    Shm() = default;

    [[nodiscard]] static Result<Shm> look(const oci::Setting& size, const Container& container);
    [[nodiscard]] Result<void> put_up(const Container& container);

    UniqueFd root_;   // the tmpfs's root; not valid where one is to be made
    UniqueFd parent_; // the container's /dev, while a tmpfs is to be made
    bool resized_ = false;
    bool made_directory_ = false;
    ShmRecord record_;
    oci::Setting asked_;
    std::vector<std::string> notes_;
};

// What can be told before there is a container of a /dev/shm that is bound from the host: an error that prepare() will
// have. `here` is the container but for its process, which is one that sees the host's mounts.
[[nodiscard]] Result<void> foresee_shm(const oci::Setting& size, const Container& here);

// Whether /dev/shm is everyone's in a pod.
[[nodiscard]] bool is_shm_shared(const oci::Spec& spec, const oci::Engine& engine);

// Gives the old size back after the container is gone, if what is mounted at the recorded source is still that tmpfs
// with the size that we gave it. Nothing to do is success.
[[nodiscard]] Result<void> release_shm(const ShmRecord& record);

} // namespace bulkhead::resources
