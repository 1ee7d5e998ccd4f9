// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/path.h"

#include "runtime/sys/file.h"
#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using sys::Symlinks;

namespace {

// DIR/outside and DIR/root, which plays the container's root.
class Tree {
public:
    Tree() {
        directory_.write("outside/secret", "");
        directory_.write("root/dev/shm/file", "");
        directory_.write("root/outside/decoy/x", "");
        link(directory_.path("outside"), "absolute-outside");
        link("/dev/shm", "absolute-inside");
        link("../../outside", "relative-outside");
        link("dev", "to-dev");
        link("../shm", "dev/link-to-shm");
        link("/proc/self/root", "magic");
        link("loop", "loop");
    }

    [[nodiscard]] std::string open(const std::string& path, Symlinks symlinks) const {
        const auto root = test::open_directory(directory_.path("root"));
        const auto opened = sys::open_directory_in(root.borrow(), path, symlinks);
        if (!opened) {
            CHECK(opened.error().code == Code::system);
            return std::to_string(opened.error().number);
        }
        return name_of(opened->borrow());
    }

private:
    void link(const std::string& target, const std::string& name) const {
        std::filesystem::create_symlink(target, directory_.path("root/" + name));
    }
    // What was opened, as a path below DIR.
    [[nodiscard]] std::string name_of(BorrowedFd fd) const {
        const auto link = "/proc/self/fd/" + std::to_string(fd.number());
        const auto path = std::filesystem::read_symlink(link).string();
        return path.substr(std::min(path.size(), directory_.path().size() + 1));
    }

    test::TemporaryDirectory directory_;
};

struct Row {
    std::string path;
    std::string refusing; // what is opened, or the errno
    std::string following;
};

const std::string eloop = std::to_string(ELOOP);
const std::string enoent = std::to_string(ENOENT);

} // namespace

TEST_CASE("a path below a root: symlinks refused or kept inside, in each component") {
    const Tree tree;
    const std::vector<Row> table{
        {"dev/shm", "root/dev/shm", "root/dev/shm"},
        {"/dev/shm", "root/dev/shm", "root/dev/shm"},
        {"dev//shm/", "root/dev/shm", "root/dev/shm"},
        {"/", "root", "root"},
        {"dev/../outside", "root/outside", "root/outside"},
        {"..", "root", "root"},
        {"../../../../outside", "root/outside", "root/outside"},
        {"/../outside/secret", enoent, enoent},
        {"dev/missing", enoent, enoent},
        {"dev/shm/file/x", std::to_string(ENOTDIR), std::to_string(ENOTDIR)},
        {"to-dev", eloop, "root/dev"},
        {"to-dev/shm", eloop, "root/dev/shm"},
        {"dev/link-to-shm", eloop, enoent}, // ../shm of /dev is /shm
        {"dev/../to-dev/shm", eloop, "root/dev/shm"},
        {"absolute-inside", eloop, "root/dev/shm"},
        {"absolute-inside", eloop, "root/dev/shm"},
        {"absolute-outside/secret", eloop, enoent},
        {"relative-outside/decoy", eloop, "root/outside/decoy"},
        {"relative-outside/secret", eloop, enoent},
        {"loop", eloop, eloop},
        {"", enoent, enoent},
    };
    for (const auto& row : table) {
        CAPTURE(row.path);
        CHECK(tree.open(row.path, Symlinks::refuse) == row.refusing);
        CHECK(tree.open(row.path, Symlinks::follow_inside) == row.following);
    }
}

TEST_CASE("magic links are refused always") {
    const UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (const auto symlinks : {Symlinks::refuse, Symlinks::follow_inside}) {
        for (const std::string name : {"root", "cwd", "exe"}) {
            const auto opened =
                sys::open_directory_in(proc.borrow(), std::to_string(::getpid()) + "/" + name, symlinks);
            REQUIRE(!opened);
            CHECK(opened.error().number == ELOOP);
        }
    }
}

TEST_CASE("what is opened is O_PATH and closed on exec") {
    const test::TemporaryDirectory directory;
    directory.write("inside/file", "");
    const auto root = test::open_directory(directory.path());
    CHECK(sys::open_directory_in(root.borrow(), "inside/file", Symlinks::refuse).error().number == ENOTDIR);
    const auto opened = sys::open_directory_in(root.borrow(), "inside", Symlinks::refuse);
    REQUIRE(opened);
    const int number = opened->borrow().number();
    CHECK((::fcntl(number, F_GETFL) & O_PATH) != 0);
    CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("a race that the kernel could not settle is tried again, not for ever") {
    const test::TemporaryDirectory directory;
    const auto root = test::open_directory(directory.path());
    {
        const test::FailingCall racing(SYS_openat2, EAGAIN, 0, 10);
        CHECK(sys::open_directory_in(root.borrow(), "/", Symlinks::refuse));
        CHECK(test::FailingCall::seen() == 11);
    }
    const test::FailingCall racing(SYS_openat2, EAGAIN);
    const auto opened = sys::open_directory_in(root.borrow(), "x", Symlinks::refuse);
    REQUIRE(!opened);
    CHECK(opened.error().number == EAGAIN);
    CHECK(opened.error().what == "open x: Resource temporarily unavailable");
    CHECK(test::FailingCall::seen() < 1000);
}

TEST_CASE("an absolute path without symlinks opens what it says, and with one nothing") {
    const test::TemporaryDirectory directory;
    directory.write("a/file", "x");
    std::filesystem::create_symlink("a", directory.path("link"));
    std::filesystem::create_symlink("file", directory.path("a/link"));
    const auto real = std::filesystem::canonical(directory.path()).string();
    const auto file = sys::open_without_symlinks(real + "/a/file", O_RDONLY);
    REQUIRE(file);
    CHECK(sys::read_all(file->borrow(), 9) == "x");
    CHECK(sys::open_without_symlinks(real + "/a", O_RDONLY | O_DIRECTORY));
    CHECK(sys::open_without_symlinks(real + "/link/file", O_RDONLY).error().number == ELOOP);
    CHECK(sys::open_without_symlinks(real + "/a/link", O_RDONLY).error().number == ELOOP);
    CHECK(sys::open_without_symlinks(real + "/a/none", O_RDONLY).error().number == ENOENT);
}
