// SPDX-License-Identifier: Apache-2.0
#include "runtime/ledger/private_directory.h"

#include "support/descriptor.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace bulkhead;
using ledger::IfMissing;
using ledger::open_private_directory;
using ledger::read_private_file;
using test::TemporaryDirectory;

namespace {

const auto root_only = doctest::skip(geteuid() != 0);

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

template <typename T>
std::string what_of(const Result<T>& result) {
    return result ? "opened" : result.error().what;
}

} // namespace

TEST_CASE("a directory that is missing is made with mode 0700, or not (root only)" * root_only) {
    const TemporaryDirectory directory;
    const auto parent = test::open_directory(directory.path());
    const auto missing = open_private_directory(parent.borrow(), "d", IfMissing::fail);
    REQUIRE(!missing);
    CHECK(missing.error().number == ENOENT);
    CHECK(!directory.has("d"));
    const auto umask = ::umask(0);
    CHECK(open_private_directory(parent.borrow(), "d", IfMissing::make));
    ::umask(umask);
    CHECK(mode_of(directory.path("d")) == 0700);
    CHECK(open_private_directory(parent.borrow(), "d", IfMissing::make));
    CHECK(open_private_directory(parent.borrow(), "no/such", IfMissing::make).error().number == ENOENT);
    const test::FailingCall failing(SYS_mkdirat, EROFS);
    CHECK(open_private_directory(parent.borrow(), "e", IfMissing::make).error().number == EROFS);
}

TEST_CASE("a directory that is not root's alone is refused (root only)" * root_only) {
    const TemporaryDirectory directory;
    const auto parent = test::open_directory(directory.path());
    const std::string reason = directory.path("d") + " is not root's alone to write; find out who changed it, then "
                                                     "chown root and chmod go-w it";
    std::filesystem::create_directory(directory.path("d"));
    for (const mode_t mode : {0700U, 0755U, 0500U}) {
        REQUIRE(::chmod(directory.path("d").c_str(), mode) == 0);
        CHECK(open_private_directory(parent.borrow(), "d", IfMissing::fail));
    }
    for (const mode_t mode : {0770U, 0720U, 0702U, 0777U, 01777U}) {
        REQUIRE(::chmod(directory.path("d").c_str(), mode) == 0);
        for (const auto if_missing : {IfMissing::fail, IfMissing::make}) {
            const auto opened = open_private_directory(parent.borrow(), "d", if_missing);
            CHECK(what_of(opened) == reason);
            CHECK(opened.error().code == Code::internal);
        }
        CHECK(mode_of(directory.path("d")) == mode); // never mended in silence
    }
    REQUIRE(::chmod(directory.path("d").c_str(), 0700) == 0);
    REQUIRE(::chown(directory.path("d").c_str(), 1234, 0) == 0);
    CHECK(what_of(open_private_directory(parent.borrow(), "d", IfMissing::make)) == reason);
}

TEST_CASE("a symlink or a file in place of a directory is refused (root only)" * root_only) {
    const TemporaryDirectory directory;
    const auto parent = test::open_directory(directory.path());
    std::filesystem::create_directory(directory.path("target"));
    std::filesystem::create_directory_symlink("target", directory.path("link"));
    std::filesystem::create_symlink("missing", directory.path("dangling"));
    directory.write("file", "");
    for (const std::string name : {"link", "dangling", "file"}) {
        for (const auto if_missing : {IfMissing::fail, IfMissing::make}) {
            CAPTURE(name);
            const auto opened = open_private_directory(parent.borrow(), name, if_missing);
            REQUIRE(!opened);
            CHECK(opened.error().number == ENOTDIR);
            CHECK(opened.error().what == directory.path() + ": open " + name + ": Not a directory");
        }
    }
    CHECK(!directory.has("missing"));
}

TEST_CASE("a directory that another process makes meanwhile is as good (root only)" * root_only) {
    const TemporaryDirectory directory;
    const auto parent = test::open_directory(directory.path());
    REQUIRE(::mkdir(directory.path("d").c_str(), 0700) == 0);
    const test::FailingCall not_there_yet(SYS_openat, ENOENT, 0, 1);
    CHECK(open_private_directory(parent.borrow(), "d", IfMissing::make));
}

TEST_CASE("a private file is read, or not there (root only)" * root_only) {
    const TemporaryDirectory directory;
    directory.write("file", "text");
    const auto parent = test::open_directory(directory.path());
    CHECK(read_private_file(parent.borrow(), "file", 4).value() == "text");
    CHECK(!read_private_file(parent.borrow(), "missing", 4).value());
    const auto refused = read_private_file(parent.borrow(), "file", 3);
    REQUIRE(!refused);
    CHECK(refused.error().code == Code::internal);
    for (const long number : {long{SYS_openat}, long{SYS_newfstatat}, long{SYS_read}}) {
        const test::FailingCall failing(number, EIO);
        CHECK(read_private_file(parent.borrow(), "file", 4).error().number == EIO);
    }
}

TEST_CASE("a file that others may write, or own, is refused (root only)" * root_only) {
    const TemporaryDirectory directory;
    directory.write("file", "text");
    const auto path = directory.path("file");
    const auto parent = test::open_directory(directory.path());
    for (const mode_t mode : {0600U, 0644U, 0400U}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK(read_private_file(parent.borrow(), "file", 10));
    }
    const std::string reason = directory.path("file") + " is not root's alone to write; find out who changed it, then "
                                                        "chown root and chmod go-w it";
    for (const mode_t mode : {0620U, 0602U, 0666U}) {
        REQUIRE(::chmod(path.c_str(), mode) == 0);
        CHECK(what_of(read_private_file(parent.borrow(), "file", 10)) == reason);
    }
    REQUIRE((::chmod(path.c_str(), 0600) == 0 && ::chown(path.c_str(), 1234, 0) == 0));
    const auto theirs = read_private_file(parent.borrow(), "file", 10);
    CHECK(what_of(theirs) == reason);
    CHECK(theirs.error().code == Code::internal);
}

TEST_CASE("a symlink in place of a file is not followed, and a FIFO does not make us wait (root only)" * root_only) {
    const TemporaryDirectory directory;
    std::filesystem::create_symlink("/etc/passwd", directory.path("link"));
    REQUIRE(::mkfifo(directory.path("fifo").c_str(), 0600) == 0);
    std::filesystem::create_directory(directory.path("directory"));
    const auto parent = test::open_directory(directory.path());
    CHECK(read_private_file(parent.borrow(), "link", 10).error().number == ELOOP);
    ::alarm(30);
    static_cast<void>(read_private_file(parent.borrow(), "fifo", 10));
    ::alarm(0);
    CHECK(what_of(read_private_file(parent.borrow(), "directory", 10)) == "directory: read: Is a directory");
}

TEST_CASE("a file that is written in place has no other name, and is one (root only)" * root_only) {
    const TemporaryDirectory directory;
    const auto parent = test::open_directory(directory.path());
    CHECK(ledger::open_private_file_alone(parent.borrow(), "file", O_RDWR | O_CREAT));
    CHECK(ledger::open_private_file_alone(parent.borrow(), "file", O_RDWR));
    std::filesystem::create_hard_link(directory.path("file"), directory.path("other"));
    REQUIRE(::mkfifo(directory.path("fifo").c_str(), 0600) == 0);
    for (const std::string name : {"file", "other", "fifo"}) {
        const auto opened = ledger::open_private_file_alone(parent.borrow(), name, O_RDWR);
        CHECK(what_of(opened) == name + " is no regular file, or has another name besides; remove it");
    }
}

TEST_CASE("what cannot be read is told by its name (root only)" * root_only) {
    const TemporaryDirectory directory;
    directory.write("file", "text");
    REQUIRE(::chmod(directory.path("file").c_str(), 0600) == 0);
    const auto parent = test::open_directory(directory.path());
    CHECK(what_of(read_private_file(parent.borrow(), "file", 3)) == "file: is larger than 3 bytes");
    const test::FailingCall failing(SYS_read, EIO);
    CHECK(what_of(read_private_file(parent.borrow(), "file", 10)) == "file: read: Input/output error");
}

TEST_CASE("a directory that is made for good has its parent synced, others do not (root only)" * root_only) {
    const TemporaryDirectory directory;
    const auto parent = test::open_directory(directory.path());
    const test::FailingCall failing(SYS_fsync, EIO);
    CHECK(open_private_directory(parent.borrow(), "a", IfMissing::make));
    CHECK(open_private_directory(parent.borrow(), "b", IfMissing::make_synced).error().number == EIO);
}
