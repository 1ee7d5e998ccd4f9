// SPDX-License-Identifier: Apache-2.0
// The writable layer of a container whose root is an OverlayFS (Documentation/filesystems/overlayfs.rst): where the
// mount says that it lies, and what its file system can do.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/sys/filesystem.h"
#include "runtime/sys/mountinfo.h"
#include "runtime/sys/procfs.h"

#include <string>
#include <sys/types.h>

namespace bulkhead::resources {

struct LayerPaths {
    std::string upper; // absolute, where the engine mounted it from
    std::string work;
};

// upperdir and workdir of an overlay's mount. docker and containers/storage write them relative to their home, which is
// two directories above the mount point. Code::unsupported: no overlay, a part of one, or one without an upper layer.
[[nodiscard]] Result<LayerPaths> layer_paths(const sys::MountInfo& root_mount);

class Layer {
public:
    // `root` is the container's root directory, O_PATH will do; `process` one in whose mount namespace it lies. The
    // paths are resolved by this process, as the engine's. Nothing proves yet that they still lead to what was mounted.
    [[nodiscard]] static Result<Layer> find(BorrowedFd root, const sys::Process& process);

    // All opened for reading.
    [[nodiscard]] BorrowedFd upper() const { return upper_.borrow(); }
    [[nodiscard]] BorrowedFd work() const { return work_.borrow(); }
    [[nodiscard]] BorrowedFd merged() const { return merged_.borrow(); } // the container's root
    // Where the engine has all its layers: upper's grandparent. Not valid where that is another file system.
    [[nodiscard]] BorrowedFd home() const { return home_.borrow(); }
    [[nodiscard]] bool has_home() const { return home_.valid(); }

    [[nodiscard]] const std::string& upper_path() const { return upper_path_; }
    [[nodiscard]] const std::string& filesystem() const { return filesystem_; } // its UUID, see sys/filesystem.h
    [[nodiscard]] const sys::FilesystemSize& size() const { return size_; }     // as its home sees it
    [[nodiscard]] dev_t device() const { return device_; }

private:
    Layer() = default;

    UniqueFd merged_;
    UniqueFd upper_;
    UniqueFd work_;
    UniqueFd home_;
    std::string upper_path_;
    std::string filesystem_;
    sys::FilesystemSize size_;
    dev_t device_ = 0;
};

} // namespace bulkhead::resources
