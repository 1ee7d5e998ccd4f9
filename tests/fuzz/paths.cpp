// SPDX-License-Identifier: Apache-2.0
// A container's path, in an image that was made to lead out of itself.
#include "runtime/resources/container_path.h"

#include "fuzz.h"
#include "runtime/sys/file.h"

#include <array>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace bulkhead::fuzz {

namespace fs = std::filesystem;

namespace {

// Links of all kinds, relative, absolute, to themselves, next to each other.
class Image {
public:
    Image() {
        auto place = (fs::temp_directory_path() / "bulkhead-fuzz-XXXXXX").string();
        require(::mkdtemp(place.data()) != nullptr, "there is a temporary directory");
        outside_ = fs::canonical(place);
        root_ = outside_ / "root";
        fs::create_directories(root_ / "a/b/c");
        fs::create_directories(outside_ / "secret");
        for (const auto& [link, target] :
             std::array<std::pair<const char*, const char*>, 7>{{{"up", ".."},
                                                                 {"out", "../secret"},
                                                                 {"root", "/"},
                                                                 {"a/self", "self"},
                                                                 {"a/b/up", "../../.."},
                                                                 {"inside", "a/b"},
                                                                 {"proc", "/proc/self/root"}}}) {
            fs::create_directory_symlink(target, root_ / link);
        }
        directory_ = UniqueFd(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    Image(const Image&) = delete;
    Image& operator=(const Image&) = delete;
    ~Image() { fs::remove_all(outside_); }

    [[nodiscard]] BorrowedFd directory() const { return directory_.borrow(); }
    // Whether that descriptor is of something below the root, or of the root.
    [[nodiscard]] bool has(const UniqueFd& found) const {
        const auto path = fs::read_symlink("/proc/self/fd/" + std::to_string(found.borrow().number())).string();
        return path == root_ || path.starts_with(root_.string() + "/");
    }

private:
    fs::path outside_;
    fs::path root_;
    UniqueFd directory_;
};

} // namespace

void fuzz(std::string_view input) {
    static const Image image;
    input = input.substr(0, input.find('\0'));
    const std::string path(input.substr(std::min(input.size(), input.find_first_not_of('/'))));
    const auto found = resources::open_without_symlinks(image.directory(), path);
    if (found) {
        require(image.has(*found), "no path leads out of the image");
    } else {
        require_sound(found.error());
    }
}

} // namespace bulkhead::fuzz
