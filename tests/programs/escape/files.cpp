// SPDX-License-Identifier: Apache-2.0
#include "attempts.h"
#include "mounts.h"

#include <algorithm>
#include <sys/stat.h>
#include <vector>

namespace escape {

namespace {

constexpr std::size_t chunk = std::size_t{1} << 20U;

// Something that is in the directory now and should have its id: whether it has another.
void note_label(Attempts& attempts, const std::string& way, const File& file, const File& directory) {
    if (file.number() < 0) {
        attempts.note(way, -errno);
        return;
    }
    struct stat status{};
    ::fstat(file.number(), &status);
    const auto label = label_of(file);
    const auto wanted = label_of(directory);
    const bool left = label.id != wanted.id || (S_ISDIR(status.st_mode) && label.inherit != wanted.inherit);
    attempts.note(way, left, EXDEV);
}

// Files of the image, below the layer: written to, they are copied into it.
void try_copy_up(Attempts& attempts) {
    const File root("/", O_RDONLY | O_DIRECTORY);
    for (const std::string path : {"/etc/passwd", "/etc/group", "/bin/busybox", "/bin/sh"}) {
        if (::access(path.c_str(), F_OK) == 0) {
            note_label(attempts, "copying up " + path, File(path, O_WRONLY | O_APPEND), root);
        }
    }
}

void try_moving(Attempts& attempts, const std::string& directory) {
    for (const auto& mount : mounts()) {
        const auto outside = mount.place + "/escape.outside";
        const auto inside = directory + "/escape.inside";
        if (mount.place == "/" || File(outside, O_RDWR | O_CREAT).number() < 0) {
            continue;
        }
        attempts.note("link from " + mount.place, result_of(::link(outside.c_str(), inside.c_str())));
        attempts.note("rename from " + mount.place, result_of(::rename(outside.c_str(), inside.c_str())));
        const File moved(directory + "/escape.moved", O_RDWR | O_CREAT);
        attempts.note("rename to " + mount.place,
                      result_of(::rename((directory + "/escape.moved").c_str(), outside.c_str())));
        ::unlink(outside.c_str());
    }
}

void try_temporary(Attempts& attempts, const std::string& directory, const File& opened) {
    const File file(directory, O_TMPFILE | O_RDWR);
    const auto path = directory + "/escape.temporary";
    const auto link = "/proc/self/fd/" + std::to_string(file.number());
    if (file.number() < 0 || ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) != 0) {
        attempts.note("O_TMPFILE", -errno);
        return;
    }
    note_label(attempts, "O_TMPFILE", file, opened);
}

void try_copies(Attempts& attempts, const std::string& directory, const File& opened) {
    const File from("/proc/self/exe", O_RDONLY);
    const File cloned(directory + "/escape.cloned", O_RDWR | O_CREAT);
    static_cast<void>(::ioctl(cloned.number(), FICLONE, from.number()));
    note_label(attempts, "FICLONE", cloned, opened);
    const File copied(directory + "/escape.copied", O_RDWR | O_CREAT);
    static_cast<void>(::copy_file_range(from.number(), nullptr, copied.number(), nullptr, chunk, 0));
    note_label(attempts, "copy_file_range", copied, opened);
}

} // namespace

void try_files(Attempts& attempts, const std::string& directory) {
    const File opened(directory, O_RDONLY | O_DIRECTORY);
    ::mkdir((directory + "/escape.new").c_str(), 0700);
    note_label(attempts, "a new directory", File(directory + "/escape.new", O_RDONLY), opened);
    note_label(attempts, "a new file", File(directory + "/escape.made", O_RDWR | O_CREAT), opened);
    try_temporary(attempts, directory, opened);
    try_copies(attempts, directory, opened);
    try_copy_up(attempts);
    try_moving(attempts, directory);
}

void try_to_fill(Attempts& attempts, const std::string& directory, std::uint64_t bytes) {
    const auto path = directory + "/escape.fill";
    const File file(path, O_WRONLY | O_CREAT | O_TRUNC);
    const std::vector<char> block(chunk, 'x');
    std::uint64_t written = 0;
    errno = 0;
    while (written < bytes) {
        const auto count = ::write(file.number(), block.data(), std::min<std::uint64_t>(chunk, bytes - written));
        if (count <= 0) {
            break;
        }
        written += static_cast<std::uint64_t>(count);
    }
    // Where blocks are given out late the refusal comes late, too.
    const int error = errno != 0 || ::fsync(file.number()) != 0 ? errno : 0;
    attempts.note("writing " + std::to_string(bytes) + " bytes, of which " + std::to_string(written) + " went",
                  error == 0 && written == bytes, error == 0 ? EIO : error);
    ::unlink(path.c_str());
}

} // namespace escape
