// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/file.h"

#include "support/child.h"
#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <array>
#include <chrono>
#include <doctest/doctest.h>
#include <functional>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <vector>

using namespace bulkhead;
using test::FailingCall;
using test::TemporaryDirectory;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

UniqueFd open_file(const std::string& path) { return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

Error error_of(const std::function<Error()>& failing, long number) {
    const FailingCall intercepted(number, EIO);
    return failing();
}

Result<std::string> read_whole(const std::string& path, std::size_t most) {
    const auto file = open_file(path);
    return sys::read_all(file.borrow(), most);
}

template <typename T>
Error error_in(Result<T> result) {
    return result ? Error{.code = Code::internal, .number = 0, .what = "it worked"} : result.error();
}

// Each wrapper with the call that fails in it.
struct Wrapper {
    std::string what;
    long number;
    std::function<Error()> run;
};

std::vector<Wrapper> wrappers(BorrowedFd directory, BorrowedFd file) {
    using namespace sys;
    return {
        {"open x", SYS_openat, [=] { return error_in(open_at(directory, "x", O_RDONLY)); }},
        {"fstat", SYS_newfstatat, [=] { return error_in(status_of(file)); }},
        {"stat x", SYS_newfstatat, [=] { return error_in(status_at(directory, "x")); }},
        {"read", SYS_read, [=] { return error_in(read_all(file, 10)); }},
        {"read", SYS_read, [=] { return error_in(read_some(file, nullptr, 0)); }},
        {"write", SYS_write, [=] { return error_in(write_all(file, "x")); }},
        {"mkdir x", SYS_mkdirat, [=] { return error_in(make_directory_at(directory, "x", 0700)); }},
        {"mkdir x", SYS_mkdirat, [=] { return error_in(make_directory_as(0, 0, directory, "x", 0700)); }},
        {"rmdir x", SYS_unlinkat, [=] { return error_in(remove_directory_at(directory, "x")); }},
        {"unlink x", SYS_unlinkat, [=] { return error_in(unlink_at(directory, "x")); }},
        {"rename to y", SYS_renameat2, [=] { return error_in(rename_at(directory, "x", "y")); }},
        {"open .x.tmp", SYS_openat, [=] { return error_in(replace_file_at(directory, "x", "text")); }},
        {"write", SYS_write, [=] { return error_in(replace_file_at(directory, "x", "text")); }},
        {"rename to x", SYS_renameat2, [=] { return error_in(replace_file_at(directory, "x", "text")); }},
        {"write", SYS_write, [=] { return error_in(replace_file_synced_at(directory, "x", "text")); }},
        {"fsync", SYS_fsync, [=] { return error_in(replace_file_synced_at(directory, "x", "text")); }},
        {"fsync", SYS_fsync, [=] { return error_in(sync(file)); }},
        {"flock", SYS_flock, [=] { return error_in(lock_exclusively(file, 10)); }},
    };
}

} // namespace

TEST_CASE("every wrapper keeps the errno and says what it did") {
    const TemporaryDirectory directory;
    directory.write("file", "text");
    const auto fd = test::open_directory(directory.path());
    const auto file = open_file(directory.path("file"));
    for (const auto& wrapper : wrappers(fd.borrow(), file.borrow())) {
        CAPTURE(wrapper.what);
        const auto error = error_of(wrapper.run, wrapper.number);
        CHECK(error.code == Code::system);
        CHECK(error.number == EIO);
        CHECK(error.what == wrapper.what + ": Input/output error");
    }
    CHECK(!directory.has(".x.tmp"));
    CHECK(!directory.has("x"));
}

TEST_CASE("open_at opens below a directory and closes on exec") {
    const TemporaryDirectory directory;
    directory.write("file", "text");
    const auto fd = test::open_directory(directory.path());
    const auto file = sys::open_at(fd.borrow(), "file", O_RDONLY);
    REQUIRE(file);
    CHECK((::fcntl(file->borrow().number(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(sys::open_at(fd.borrow(), "missing", O_RDONLY).error().number == ENOENT);
    const FailingCall interrupted(SYS_openat, EINTR, 0, 3);
    CHECK(sys::open_at(fd.borrow(), "file", O_RDONLY));
}

TEST_CASE("status_of tells what a file is, on an O_PATH descriptor too") {
    const TemporaryDirectory directory;
    directory.write("file", "text");
    struct stat expected{};
    REQUIRE(::stat(directory.path("file").c_str(), &expected) == 0);
    const UniqueFd file(::open(directory.path("file").c_str(), O_PATH | O_CLOEXEC));
    const auto status = sys::status_of(file.borrow());
    REQUIRE(status);
    CHECK(status->device == expected.st_dev);
    CHECK(status->inode == expected.st_ino);
    CHECK(status->mode == expected.st_mode);
    CHECK(status->owner == ::geteuid());
    CHECK(status->group == expected.st_gid);
    CHECK(status->links == 1);
}

TEST_CASE("status_at tells what a name is, a symlink itself") {
    const TemporaryDirectory directory;
    directory.write("file", "text");
    std::filesystem::create_hard_link(directory.path("file"), directory.path("again"));
    std::filesystem::create_symlink("file", directory.path("link"));
    const auto fd = test::open_directory(directory.path());
    struct stat expected{};
    for (const std::string name : {"file", "link", "again"}) {
        REQUIRE(::lstat(directory.path(name).c_str(), &expected) == 0);
        const auto status = sys::status_at(fd.borrow(), name);
        REQUIRE(status);
        CHECK(status->device == expected.st_dev);
        CHECK(status->inode == expected.st_ino);
        CHECK(status->mode == expected.st_mode);
        CHECK(status->owner == expected.st_uid);
        CHECK(status->links == expected.st_nlink);
    }
    CHECK(S_ISLNK(sys::status_at(fd.borrow(), "link")->mode));
    CHECK(sys::status_at(fd.borrow(), "missing").error().number == ENOENT);
}

TEST_CASE("read_all reads to the end and not more than it may") {
    const TemporaryDirectory directory;
    for (const std::size_t size : {0UL, 1UL, 4095UL, 4096UL, 4097UL, 16384UL, 100'000UL}) {
        CAPTURE(size);
        std::string text;
        for (std::size_t i = 0; i < size; ++i) {
            text.push_back(static_cast<char>('a' + (i % 23)));
        }
        directory.write("file", text);
        CHECK(read_whole(directory.path("file"), size).value() == text);
        CHECK(read_whole(directory.path("file"), size + 1).value() == text);
        for (const std::size_t expected : {size, size / 2, 2 * size, 1UL << 60U}) {
            const auto file = open_file(directory.path("file"));
            CHECK(sys::read_all(file.borrow(), size, expected).value() == text);
        }
        if (size > 0) {
            const auto refused = read_whole(directory.path("file"), size - 1);
            REQUIRE(!refused);
            CHECK(refused.error().code == Code::malformed_input);
            CHECK(refused.error().what == "is larger than " + std::to_string(size - 1) + " bytes");
        }
    }
}

TEST_CASE("read_all begins where the file stands, and does not read an endless file") {
    const TemporaryDirectory directory;
    directory.write("file", "0123456789");
    const auto file = open_file(directory.path("file"));
    REQUIRE(::lseek(file.borrow().number(), 4, SEEK_SET) == 4);
    CHECK(sys::read_all(file.borrow(), 100).value() == "456789");
    CHECK(read_whole("/dev/zero", 1 << 20).error().code == Code::malformed_input);
}

TEST_CASE("write_at and read_at do not move where the file stands, and less is read at its end") {
    const test::TemporaryDirectory directory;
    const auto file = sys::open_at(sys::working_directory, directory.path("f"), O_RDWR | O_CREAT, 0600).value();
    REQUIRE(sys::write_at(file.borrow(), "abcd", 4, 3));
    CHECK(directory.read("f") == std::string("\0\0\0abcd", 7));
    std::array<char, 4> buffer{};
    CHECK(sys::read_at(file.borrow(), buffer.data(), buffer.size(), 5).value() == 2);
    CHECK(std::string_view(buffer.data(), 2) == "cd");
    CHECK(sys::read_at(file.borrow(), buffer.data(), buffer.size(), 7).value() == 0);
    CHECK(sys::read_all(file.borrow(), 7).value().size() == 7);
    {
        const test::FailingCall failing(SYS_pwrite64, ENOSPC);
        CHECK(sys::write_at(file.borrow(), "x", 1, 0).error().number == ENOSPC);
    }
    const test::FailingCall failing(SYS_pread64, EIO);
    CHECK(sys::read_at(file.borrow(), buffer.data(), 1, 0).error().number == EIO);
}

TEST_CASE("write_all writes everything into a pipe that takes little at once") {
    test::Pipe pipe;
    const std::string text(300'000, 'x');
    const pid_t child = ::fork();
    if (child == 0) {
        pipe.reader.reset();
        ::_exit(sys::write_all(pipe.writer.borrow(), text) ? 0 : 1);
    }
    pipe.writer.reset();
    const auto received = sys::read_all(pipe.reader.borrow(), 1 << 20);
    CHECK(test::wait_for(child) == 0);
    CHECK(received.value() == text);
}

TEST_CASE("directories are made and removed") {
    const TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    REQUIRE(sys::make_directory_at(fd.borrow(), "d", 0700));
    CHECK(mode_of(directory.path("d")) == 0700);
    CHECK(sys::make_directory_at(fd.borrow(), "d", 0700).error().number == EEXIST);
    directory.write("d/file", "");
    CHECK(sys::remove_directory_at(fd.borrow(), "d").error().number == ENOTEMPTY);
    CHECK(sys::unlink_at(fd.borrow(), "d").error().number == EISDIR);
    REQUIRE(sys::unlink_at(fd.borrow(), "d/file"));
    REQUIRE(sys::remove_directory_at(fd.borrow(), "d"));
    CHECK(!directory.has("d"));
    CHECK(sys::remove_directory_at(fd.borrow(), "d").error().number == ENOENT);
}

TEST_CASE("make_directory_as makes it another user's and comes back (root only)" * doctest::skip(geteuid() != 0)) {
    const TemporaryDirectory directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
    const auto fd = test::open_directory(directory.path());
    REQUIRE(sys::make_directory_as(1234, 5678, fd.borrow(), "theirs", 0700));
    REQUIRE(sys::make_directory_at(fd.borrow(), "ours", 0700));
    CHECK(!sys::make_directory_as(1234, 5678, fd.borrow(), "theirs", 0700));
    CHECK(sys::make_directory_as(1234, 5678, fd.borrow(), "ours/x", 0700).error().number == EACCES);
    REQUIRE(sys::make_directory_at(fd.borrow(), "ours/y", 0700));
    struct stat status{};
    REQUIRE(::stat(directory.path("theirs").c_str(), &status) == 0);
    CHECK(status.st_uid == 1234);
    CHECK(status.st_gid == 5678);
    REQUIRE(::stat(directory.path("ours/y").c_str(), &status) == 0);
    CHECK(status.st_uid == 0);
    CHECK(status.st_gid == 0);
}

TEST_CASE("make_directory_as_owner is not kept by the mode of what is its own, but by others' (root only)" *
          doctest::skip(geteuid() != 0)) {
    const TemporaryDirectory directory;
    std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
    const auto fd = test::open_directory(directory.path());
    REQUIRE(sys::make_directory_as(1234, 5678, fd.borrow(), "theirs", 0555));
    REQUIRE(sys::make_directory_at(fd.borrow(), "ours", 0755));
    const auto theirs = test::open_directory(directory.path("theirs"));
    const auto ours = test::open_directory(directory.path("ours"));
    CHECK(sys::make_directory_as(1234, 5678, theirs.borrow(), "x", 0755).error().number == EACCES);
    REQUIRE(sys::make_directory_as_owner(1234, 5678, theirs.borrow(), "x", 0755));
    struct stat status{};
    REQUIRE(::stat(directory.path("theirs/x").c_str(), &status) == 0);
    CHECK(status.st_uid == 1234);
    CHECK(sys::make_directory_as_owner(1234, 5678, ours.borrow(), "x", 0755).error().number == EACCES);
    CHECK(sys::make_directory_as(1234, 5678, ours.borrow(), "x", 0755).error().number == EACCES); // the bits are back
    CHECK(sys::make_directory_as(1234, 5678, theirs.borrow(), "y", 0755).error().number == EACCES);
}

TEST_CASE("replace_file_at replaces as a whole, mode 0600, and leaves no temporary file") {
    const TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    REQUIRE(sys::replace_file_at(fd.borrow(), "x", "first"));
    CHECK(directory.read("x") == "first");
    CHECK(mode_of(directory.path("x")) == 0600);
    std::filesystem::permissions(directory.path("x"), std::filesystem::perms::owner_all);
    const auto reader = open_file(directory.path("x"));
    REQUIRE(sys::replace_file_at(fd.borrow(), "x", "2"));
    CHECK(directory.read("x") == "2");
    CHECK(mode_of(directory.path("x")) == 0600);
    CHECK(sys::read_all(reader.borrow(), 100).value() == "first"); // who reads the old one goes on reading it
    CHECK(!directory.has(sys::temporary_name("x")));
    CHECK(sys::temporary_name("x") == ".x.tmp");
}

TEST_CASE("replace_file_at leaves the old file and nothing else where anything fails") {
    const TemporaryDirectory directory;
    directory.write("x", "old");
    const auto fd = test::open_directory(directory.path());
    for (const long number : {long{SYS_openat}, long{SYS_write}, long{SYS_renameat2}}) {
        const FailingCall failing(number, ENOSPC);
        const auto replaced = sys::replace_file_at(fd.borrow(), "x", "new");
        REQUIRE(!replaced);
        CHECK(replaced.error().number == ENOSPC);
        CHECK(directory.read("x") == "old");
        CHECK(!directory.has(".x.tmp"));
    }
}

TEST_CASE("replace_file_at removes what a killed one left or somebody put there, and opens none of it") {
    const TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    directory.write(".x.tmp", "a longer text that a killed process left");
    REQUIRE(sys::replace_file_at(fd.borrow(), "x", "new"));
    CHECK(directory.read("x") == "new");
    directory.write("victim", "untouched");
    std::filesystem::create_symlink("victim", directory.path(".x.tmp"));
    REQUIRE(sys::replace_file_at(fd.borrow(), "x", "through no symlink"));
    CHECK(directory.read("x") == "through no symlink");
    std::filesystem::create_hard_link(directory.path("victim"), directory.path(".x.tmp"));
    REQUIRE(sys::replace_file_at(fd.borrow(), "x", "into no other's"));
    CHECK(directory.read("x") == "into no other's");
    CHECK(directory.read("victim") == "untouched");
    REQUIRE(::mkfifo(directory.path(".x.tmp").c_str(), 0600) == 0); // opening it would wait
    REQUIRE(sys::replace_file_at(fd.borrow(), "x", "newer"));
    CHECK(directory.read("x") == "newer");
    std::filesystem::create_directory(directory.path(".x.tmp"));
    CHECK(sys::replace_file_at(fd.borrow(), "x", "newest").error().number == EISDIR);
    CHECK(directory.read("x") == "newer");
}

TEST_CASE("the name of a temporary file tells whose it is") {
    CHECK(sys::name_of_temporary(sys::temporary_name("x")) == "x");
    for (const auto* const other : {"", ".", "x", ".x", "x.tmp", ".tmp"}) {
        CHECK(sys::name_of_temporary(other).empty());
    }
}

TEST_CASE("replace_file_synced_at syncs the file before it has its name, and the directory after") {
    const TemporaryDirectory directory;
    directory.write("x", "old");
    const auto fd = test::open_directory(directory.path());
    {
        const FailingCall counting(SYS_fsync, EIO, 2);
        REQUIRE(sys::replace_file_synced_at(fd.borrow(), "x", "new"));
        CHECK(FailingCall::seen() == 2);
    }
    CHECK(directory.read("x") == "new");
    CHECK(mode_of(directory.path("x")) == 0600);
    {
        const FailingCall file(SYS_fsync, EIO, 0, 1);
        CHECK(sys::replace_file_synced_at(fd.borrow(), "x", "newer").error().number == EIO);
        CHECK(directory.read("x") == "new");
    }
    {
        const FailingCall of_directory(SYS_fsync, EIO, 1, 1);
        CHECK(sys::replace_file_synced_at(fd.borrow(), "x", "newest").error().number == EIO);
        CHECK(directory.read("x") == "newest");
    }
    CHECK(!directory.has(".x.tmp"));
    const FailingCall not_asked(SYS_fsync, EIO);
    CHECK(sys::replace_file_at(fd.borrow(), "x", "unsynced"));
}

TEST_CASE("sync goes on when a signal interrupts it") {
    const TemporaryDirectory directory;
    const auto fd = test::open_directory(directory.path());
    const FailingCall interrupted(SYS_fsync, EINTR, 0, 3);
    CHECK(sys::sync(fd.borrow()));
    CHECK(FailingCall::seen() == 4);
}

TEST_CASE("write_to_stderr writes, but nothing into what is opened for appending, or closed") {
    const TemporaryDirectory directory;
    const auto said = [&](int flags) {
        directory.write("stderr", "");
        CHECK(test::in_child([&](test::Findings& findings) {
                  const int fd = ::open(directory.path("stderr").c_str(), O_WRONLY | flags);
                  findings.expect(::dup2(fd, STDERR_FILENO) == STDERR_FILENO, "dup2");
                  sys::write_to_stderr("words\n");
                  sys::write_to_stderr("");
              }) == "");
        return directory.read("stderr");
    };
    CHECK(said(0) == "words\n");
    CHECK(said(O_APPEND) == "");
    CHECK(test::in_child([](test::Findings&) {
              ::close(STDERR_FILENO);
              sys::write_to_stderr("words\n");
          }) == "");
}

TEST_CASE("a lock is waited for until the deadline, and free once its holder closes") {
    const TemporaryDirectory directory;
    directory.write("lock", "");
    UniqueFd holder(::open(directory.path("lock").c_str(), O_RDWR | O_CLOEXEC));
    const auto waiter = open_file(directory.path("lock"));
    REQUIRE(sys::lock_exclusively(holder.borrow(), 0));
    const auto begin = std::chrono::steady_clock::now();
    const auto refused = sys::lock_exclusively(waiter.borrow(), 60);
    const auto waited = std::chrono::steady_clock::now() - begin;
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::busy);
    CHECK(refused.error().what == "another bulkhead process holds it");
    CHECK(waited >= std::chrono::milliseconds(50));
    CHECK(waited < std::chrono::seconds(10));
    holder.reset();
    CHECK(sys::lock_exclusively(waiter.borrow(), 0));
}

TEST_CASE("a lock of a process that dies is free, and one that is let go of meanwhile is got") {
    const TemporaryDirectory directory;
    directory.write("lock", "");
    const auto ours = open_file(directory.path("lock"));
    const test::IdleProcess holder([&] {
        const int fd = ::open(directory.path("lock").c_str(), O_RDONLY);
        return ::flock(fd, LOCK_EX) == 0;
    });
    REQUIRE(holder.ready());
    CHECK(sys::lock_exclusively(ours.borrow(), 10).error().code == Code::busy);
    const pid_t killer = ::fork();
    if (killer == 0) {
        ::usleep(50'000);
        ::_exit(::kill(holder.pid(), SIGKILL));
    }
    CHECK(sys::lock_exclusively(ours.borrow(), 10'000));
    test::wait_for(killer);
}

TEST_CASE("keep_standard_descriptors_only closes what leaked and keeps 0 to 2") {
    CHECK(test::in_child([](test::Findings& findings) {
              for (const int number : {3, 4, 50, 1000}) {
                  ::dup2(0, number);
              }
              findings.expect(sys::keep_standard_descriptors_only().has_value(), "it failed");
              for (int number = 3; number <= 1000; ++number) {
                  findings.expect(!test::is_open(number), "open: " + std::to_string(number));
              }
              for (int number = 0; number < 3; ++number) {
                  findings.expect(test::is_open(number), "closed: " + std::to_string(number));
              }
          }) == "");
}

TEST_CASE("keep_standard_descriptors_only makes 0 to 2 where any of them is missing") {
    for (unsigned missing = 1; missing < 8; ++missing) {
        CAPTURE(missing);
        CHECK(test::in_child([missing](test::Findings& findings) {
                  for (int number = 0; number < 3; ++number) {
                      if ((missing >> static_cast<unsigned>(number) & 1U) != 0) {
                          ::close(number);
                      }
                  }
                  findings.expect(sys::keep_standard_descriptors_only().has_value(), "it failed");
                  for (int number = 0; number < 3; ++number) {
                      const auto name = std::to_string(number);
                      findings.expect(::fcntl(number, F_GETFD) == 0, "missing, or closed on exec: " + name);
                      struct stat status{};
                      const bool null =
                          ::fstat(number, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
                      findings.expect(null || (missing >> static_cast<unsigned>(number) & 1U) == 0, "no null: " + name);
                  }
                  findings.expect(!test::is_open(3), "3 is open");
              }) == "");
    }
}

TEST_CASE("keep_standard_descriptors_only tells what failed") {
    CHECK(test::in_child([](test::Findings& findings) {
              const FailingCall failing(SYS_close_range, ENOSYS);
              const auto kept = sys::keep_standard_descriptors_only();
              findings.expect(!kept && kept.error().number == ENOSYS, "close_range");
          }) == "");
    CHECK(test::in_child([](test::Findings& findings) {
              ::close(0);
              const FailingCall failing(SYS_openat, EIO);
              const auto kept = sys::keep_standard_descriptors_only();
              findings.expect(!kept && kept.error().number == EIO, "open");
          }) == "");
}

TEST_CASE("whether a file may be run") {
    const TemporaryDirectory directory;
    directory.write("program", "#!/bin/sh\n");
    const auto path = directory.path("program");
    REQUIRE(::chmod(path.c_str(), 0644) == 0);
    CHECK(!sys::may_execute(path));
    REQUIRE(::chmod(path.c_str(), 0755) == 0);
    CHECK(sys::may_execute(path));
    REQUIRE(::symlink("program", directory.path("link").c_str()) == 0);
    CHECK(sys::may_execute(directory.path("link")));
    CHECK(!sys::may_execute(directory.path("gone")));
}

TEST_CASE("when a file was changed") {
    const test::TemporaryDirectory directory;
    directory.write("a", "");
    const auto before = sys::times_of(directory.path("a"));
    REQUIRE(before);
    CHECK(std::chrono::abs(std::chrono::system_clock::now() - before->modified) < std::chrono::minutes(1));
    const timespec times[] = {{.tv_sec = 1000, .tv_nsec = 0}, {.tv_sec = 1000, .tv_nsec = 500'000'000}};
    REQUIRE(::utimensat(AT_FDCWD, directory.path("a").c_str(), static_cast<const timespec*>(times), 0) == 0);
    const auto after = sys::times_of(directory.path("a"));
    CHECK(after->modified.time_since_epoch() == std::chrono::milliseconds(1000'500));
    CHECK(after->changed >= before->changed);
    CHECK(sys::times_of(directory.path("b")).error().number == ENOENT);
}
