// SPDX-License-Identifier: Apache-2.0
// Where in a container a segment is mounted. The image's author chose what lies there, and others may change it while
// we look: everything is done on descriptors below the container's root, and no symlink is followed.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/resources/container.h"
#include "runtime/sys/procfs.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace bulkhead::resources {

class SegmentTarget {
public:
    // Changes nothing. Directories that are missing can be made on the container's root mount, in its /dev/shm, and
    // where it has none, in the /dev that the runtime mounted; on any other mount (a volume) the place must be there.
    // Code::not_allowed: it is not, or what lies there is shared with the host, or is the host's /dev/shm.
    // Code::unsupported: a symlink on the way, or no directory.
    [[nodiscard]] static Result<SegmentTarget> find(BorrowedFd root, const Container& container,
                                                    const std::string& path);

    // Makes what is missing, as `owner`. Code::busy: something else is there since find() looked.
    [[nodiscard]] Result<void> make(const sys::Process::Owner& owner);
    [[nodiscard]] bool complete() const { return missing_.empty(); }
    // The directory to mount on, once it is complete.
    [[nodiscard]] BorrowedFd directory() const { return directories_.back().borrow(); }
    // Whether the path leads to `mount` now, and others do not see it; Code::busy where it leads elsewhere, as somebody
    // moved a directory meanwhile, or mounted there what is shared.
    [[nodiscard]] Result<void> verify(BorrowedFd root, const Container& container, BorrowedFd mount) const;

    // Removes what was made; what is mounted on it in the container's mount namespace goes along (rmdir(2), since Linux
    // 3.18).
    [[nodiscard]] Result<void> undo();

private:
    SegmentTarget() = default;

    std::string path_;                  // without the slash at its beginning
    std::vector<UniqueFd> directories_; // what was there, then what was made
    std::vector<std::string> missing_;  // the rest of the path
    std::vector<std::string> made_;     // names of directories_, but for the first
};

} // namespace bulkhead::resources
