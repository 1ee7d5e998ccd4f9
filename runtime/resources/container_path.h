// SPDX-License-Identifier: Apache-2.0
// Directories of a container by descriptor, and how to tell them from the host's.
#pragma once

#include "runtime/base/error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/resources/container.h"
#include "runtime/sys/mount.h"
#include "runtime/sys/mountinfo.h"
#include "runtime/sys/procfs.h"

#include <string>

namespace bulkhead::resources {

// O_PATH descriptor of the container's root directory, in its mount namespace.
[[nodiscard]] Result<UniqueFd> open_root(const Container& container);

// O_PATH descriptor of the directory `path` (without a slash at its beginning) below `root`. A symlink on the way, or
// what is no directory, is Code::unsupported, with the errno ELOOP or ENOTDIR gone.
[[nodiscard]] Result<UniqueFd> open_without_symlinks(BorrowedFd root, const std::string& path);

// Whether `place` is the file system of one of the host's own directories `path`: as this process sees it and, since an
// engine may run in a mount namespace of its own, as PID 1 does (where root may look: inside another container it may
// not).
[[nodiscard]] Result<bool> is_hosts(const sys::Place& place, const std::string& path);

// The mount that `place` lies on, which is there, and how often its file system is mounted where the container is.
[[nodiscard]] Result<sys::MountSurvey> survey_place(const Container& container, const sys::Place& place);

// Whether it is a tmpfs that the runtime has just made for the container, as config.json says by `word`. Such a one is
// mounted once. One of the host's is there twice, where the host has it and where it is bound: the word alone is not
// enough, since a bind to another place may have got there through a symlink in the image.
[[nodiscard]] bool is_runtimes_tmpfs(const sys::MountSurvey& survey, const oci::SpecMount& word);

// Makes the directory `name` in `parent`, as root of the container's user namespace: on a file system of that namespace
// root of the initial one is nobody, and creating fails with EOVERFLOW. False where it was there. `path`, without a
// slash at its beginning, is what a message calls it. Code::unsupported: it is the image that has to have it.
[[nodiscard]] Result<bool> make_directory(BorrowedFd parent, const std::string& name, const sys::Process::Owner& owner,
                                          const std::string& path);

} // namespace bulkhead::resources
