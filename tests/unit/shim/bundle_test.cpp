// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/bundle.h"

#include "runtime/sys/call.h"
#include "runtime/sys/label.h"
#include "support/child.h"
#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <array>
#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using shim::replace_config;
using test::FailingCall;
using test::TemporaryDirectory;

namespace fs = std::filesystem;

namespace {

constexpr const char* config = "config.json";
constexpr const char* leftover = ".config.json.tmp";

// The error's words without the path in front, or "".
std::string replaced(const TemporaryDirectory& directory, std::string_view text) {
    const auto path = directory.path(config);
    const auto result = replace_config(path, text);
    if (result) {
        return "";
    }
    REQUIRE(result.error().what.starts_with(path + ": "));
    return result.error().what.substr(path.size() + 2);
}

struct stat status_of(const std::string& path) {
    struct stat status{};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}

std::size_t entries(const TemporaryDirectory& directory) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()));
}

} // namespace

TEST_CASE("the file is replaced, and keeps its mode") {
    const TemporaryDirectory directory;
    for (const mode_t mode : {0644U, 0600U, 0444U, 0777U, 06755U}) {
        directory.write(config, "old");
        REQUIRE(::chmod(directory.path(config).c_str(), mode) == 0);
        const auto before = status_of(directory.path(config));
        CHECK(replaced(directory, "new") == "");
        const auto after = status_of(directory.path(config));
        CHECK(directory.read(config) == "new");
        CHECK(after.st_mode == before.st_mode);
        CHECK(after.st_ino != before.st_ino);
        CHECK(entries(directory) == 1);
        fs::remove(directory.path(config));
    }
}

TEST_CASE("a relative path is taken from the working directory") {
    const TemporaryDirectory directory;
    directory.write(config, "old");
    const auto before = fs::current_path();
    fs::current_path(directory.path());
    CHECK(replace_config(config, "new"));
    fs::current_path(before);
    CHECK(directory.read(config) == "new");
}

TEST_CASE("owner and label stay (root only)" * doctest::skip(geteuid() != 0)) {
    const TemporaryDirectory directory;
    directory.write(config, "old");
    REQUIRE(::chown(directory.path(config).c_str(), 1234, 5678) == 0);
    REQUIRE(::chmod(directory.path(config).c_str(), 04640) == 0); // chown takes the first bit away
    const std::string label = "system_u:object_r:container_ro_file_t:s0";
    const UniqueFd old(::open(directory.path(config).c_str(), O_RDONLY | O_CLOEXEC));
    const bool labelled = sys::set_security_label(old.borrow(), label).has_value();
    CHECK(replaced(directory, "new") == "");
    const auto status = status_of(directory.path(config));
    CHECK(status.st_uid == 1234);
    CHECK(status.st_gid == 5678);
    CHECK((status.st_mode & 07777U) == 04640);
    const UniqueFd file(::open(directory.path(config).c_str(), O_RDONLY | O_CLOEXEC));
    CHECK(sys::security_label(file.borrow()).value() == (labelled ? std::optional(label) : std::nullopt));
}

TEST_CASE("the umask makes no difference") {
    const TemporaryDirectory directory;
    directory.write(config, "old");
    REQUIRE(::chmod(directory.path(config).c_str(), 0666) == 0);
    const auto before = ::umask(077);
    CHECK(replaced(directory, "new") == "");
    ::umask(before);
    CHECK((status_of(directory.path(config)).st_mode & 07777U) == 0666);
}

TEST_CASE("what is no regular file is not replaced") {
    const std::string refusal = "is not a regular file; the shim does not change such a config.json";
    const TemporaryDirectory directory;
    directory.write("elsewhere", "old");
    fs::create_symlink("elsewhere", directory.path(config));
    CHECK(replaced(directory, "new") == refusal);
    CHECK(fs::is_symlink(directory.path(config)));
    CHECK(directory.read("elsewhere") == "old");
    fs::remove(directory.path(config));
    REQUIRE(::mkfifo(directory.path(config).c_str(), 0600) == 0);
    CHECK(replaced(directory, "new") == refusal);
    fs::remove(directory.path(config));
    fs::create_directory(directory.path(config));
    CHECK(replaced(directory, "new") == refusal);
    CHECK(replace_config(directory.path(config), "new").error().code == Code::malformed_input);
    fs::remove(directory.path(config));
    CHECK(replaced(directory, "new") == "open config.json: No such file or directory");
    CHECK(replace_config(directory.path("no/config.json"), "new").error().number == ENOENT);
    CHECK(entries(directory) == 1);
}

TEST_CASE("a temporary file that is there already is not written into") {
    const TemporaryDirectory directory;
    directory.write(config, "old");
    directory.write("elsewhere", "kept");
    const std::vector<std::function<void(const std::string&)>> leave{
        [&](const std::string&) { directory.write(leftover, "half of a longer text than the new one"); },
        [](const std::string& path) { fs::create_symlink("elsewhere", path); },
        [&](const std::string& path) { fs::create_hard_link(directory.path("elsewhere"), path); },
        [](const std::string& path) { REQUIRE(::mkfifo(path.c_str(), 0600) == 0); },
    };
    for (const auto& left : leave) {
        left(directory.path(leftover));
        CHECK(replaced(directory, "new") == "");
        CHECK(directory.read(config) == "new");
        CHECK(directory.read("elsewhere") == "kept");
        CHECK(entries(directory) == 2);
    }
    fs::create_directory(directory.path(leftover));
    CHECK(replaced(directory, "newer") == "unlink .config.json.tmp: Is a directory");
    CHECK(directory.read(config) == "new");
}

TEST_CASE("whatever call fails, the old file stays and nothing is left") {
    const std::array calls{SYS_openat, SYS_flock,  SYS_newfstatat, SYS_fgetxattr, SYS_unlinkat,
                           SYS_write,  SYS_fchown, SYS_fchmod,     SYS_renameat2};
    for (const long number : calls) {
        for (int let_through = 0; let_through < 3; ++let_through) {
            const TemporaryDirectory directory;
            directory.write(config, "old");
            CAPTURE(number);
            CAPTURE(let_through);
            bool failed = false;
            {
                const FailingCall failing(number, EIO, let_through, 1);
                failed = !replace_config(directory.path(config), "new");
                CHECK(failed == (FailingCall::seen() > let_through));
            }
            CHECK(directory.read(config) == (failed ? "old" : "new"));
            CHECK(entries(directory) == 1);
        }
    }
}

TEST_CASE("killed before any call, the old file or the new one is there, and the next one works") {
    static int left = 0;
    const auto die = [](long) -> int {
        if (left-- == 0) {
            ::_exit(0);
        }
        return 0;
    };
    bool finished = false;
    for (int calls = 0; !finished; ++calls) {
        REQUIRE(calls < 100);
        const TemporaryDirectory directory;
        directory.write(config, "old");
        CAPTURE(calls);
        const auto found = test::in_child([&](test::Findings&) {
            left = calls;
            sys::intercept(die);
            static_cast<void>(replace_config(directory.path(config), "new"));
            sys::intercept(nullptr);
            directory.write("finished", "");
        });
        CHECK(found == "");
        finished = directory.has("finished");
        const auto text = directory.read(config);
        CHECK((text == "old" || text == "new"));
        CHECK((!finished || text == "new"));
        CHECK(replaced(directory, "newer") == "");
        CHECK(directory.read(config) == "newer");
        CHECK(!directory.has(leftover));
    }
}

TEST_CASE("two at once: one after the other") {
    const TemporaryDirectory directory;
    const std::string one(300000, '1');
    const std::string two(300000, '2');
    directory.write(config, one);
    const auto replace_often = [&](const std::string& text) {
        return test::in_child([&](test::Findings& findings) {
            for (int i = 0; i < 50; ++i) {
                const auto result = replace_config(directory.path(config), text);
                findings.expect(result.has_value(), result ? "" : result.error().what);
                const auto now = directory.read(config);
                findings.expect(now == one || now == two, "half a file");
            }
        });
    };
    std::string other;
    std::thread thread([&] { other = replace_often(two); });
    CHECK(replace_often(one) == "");
    thread.join();
    CHECK(other == "");
    CHECK(entries(directory) == 1);
}

TEST_CASE("a directory that stays locked is an error, not a wait for ever") {
    const TemporaryDirectory directory;
    directory.write(config, "old");
    const auto fd = test::open_directory(directory.path());
    REQUIRE(::flock(fd.borrow().number(), LOCK_EX) == 0);
    CHECK(replaced(directory, "new") == "another bulkhead process holds it");
    CHECK(directory.read(config) == "old");
}
