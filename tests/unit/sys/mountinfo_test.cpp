// SPDX-License-Identifier: Apache-2.0
#include "runtime/sys/mountinfo.h"

#include "runtime/sys/file.h"
#include "runtime/sys/mount.h"
#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <vector>

using namespace bulkhead;

namespace {

struct Row {
    std::string line;
    sys::MountInfo expected;
};

const std::vector<Row> rows{
    {"36 35 0:45 / /dev/shm rw,nosuid - tmpfs shm rw,size=65536k",
     {.id = 36,
      .root = "/",
      .point = "/dev/shm",
      .source = "shm",
      .type = "tmpfs",
      .options = "rw,size=65536k",
      .shared = false}},
    {"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
     {.id = 36,
      .root = "/mnt1",
      .point = "/mnt2",
      .source = "/dev/root",
      .type = "ext3",
      .options = "rw,errors=continue",
      .shared = false}},
    {"1 0 0:1 / / rw shared:1 - rootfs none rw",
     {.id = 1, .root = "/", .point = "/", .source = "none", .type = "rootfs", .options = "rw", .shared = true}},
    {"7 1 0:1 / /a rw shared:12 master:3 propagate_from:2 unbindable - fuse.sshfs u@h:/x rw",
     {.id = 7, .root = "/", .point = "/a", .source = "u@h:/x", .type = "fuse.sshfs", .options = "rw", .shared = true}},
    {"7 1 0:1 / /a rw master:3 shared:12 - tmpfs shm rw",
     {.id = 7, .root = "/", .point = "/a", .source = "shm", .type = "tmpfs", .options = "rw", .shared = true}},
    {"7 1 0:1 / /shared:1 rw,shared:1 unbindable - tmpfs shared:1 rw",
     {.id = 7,
      .root = "/",
      .point = "/shared:1",
      .source = "shared:1",
      .type = "tmpfs",
      .options = "rw",
      .shared = false}},
    {R"(8 1 0:1 /a\040b\011c\012d\134e\043f /x\040y rw - tmpfs my\040shm rw)",
     {.id = 8,
      .root = "/a b\tc\nd\\e#f",
      .point = "/x y",
      .source = "my shm",
      .type = "tmpfs",
      .options = "rw",
      .shared = false}},
    {R"(8 1 0:1 /a\04 /b rw - tmpfs \040\ rw)",
     {.id = 8,
      .root = R"(/a\04)",
      .point = "/b",
      .source = R"( \)",
      .type = "tmpfs",
      .options = "rw",
      .shared = false}},
    {R"(8 1 0:1 /a\089\x20 /b rw - tmpfs \\040 rw)",
     {.id = 8,
      .root = R"(/a\089\x20)",
      .point = "/b",
      .source = R"(\ )",
      .type = "tmpfs",
      .options = "rw",
      .shared = false}},
    {"8 1 0:1 / /a-b rw - tmpfs - rw",
     {.id = 8, .root = "/", .point = "/a-b", .source = "-", .type = "tmpfs", .options = "rw", .shared = false}},
    {"8 1 0:1 / /b rw - tmpfs  rw",
     {.id = 8, .root = "/", .point = "/b", .source = "", .type = "tmpfs", .options = "rw", .shared = false}},
    {"18446744073709551615 1 0:1 / / rw - tmpfs x rw",
     {.id = UINT64_MAX, .root = "/", .point = "/", .source = "x", .type = "tmpfs", .options = "rw", .shared = false}},
};

// A file of `count` lines, the mounts 1000, 1001, ...
std::string many_lines(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += std::to_string(1000 + i) + " 1 0:1 / /mnt/" + std::string(static_cast<std::size_t>(i % 97), 'x') +
                " rw - tmpfs source-" + std::to_string(i) + " rw\n";
    }
    return text;
}

Result<std::optional<sys::MountInfo>> find_in(const std::string& text, std::uint64_t id) {
    const test::TemporaryDirectory directory;
    directory.write("mountinfo", text);
    const auto file = sys::open_at(sys::working_directory, directory.path("mountinfo"), O_RDONLY);
    return sys::find_mount(file->borrow(), id);
}

sys::MountSurvey survey_of(const std::string& text, std::uint64_t id, dev_t device) {
    const test::TemporaryDirectory directory;
    directory.write("mountinfo", text);
    const auto file = sys::open_at(sys::working_directory, directory.path("mountinfo"), O_RDONLY);
    return sys::survey_mount(file->borrow(), id, device).value();
}

} // namespace

TEST_CASE("a line of mountinfo, with its octal escapes and optional fields") {
    for (const auto& row : rows) {
        CAPTURE(row.line);
        const auto info = sys::parse_mountinfo_line(row.line);
        REQUIRE(info);
        CHECK(info->id == row.expected.id);
        CHECK(info->root == row.expected.root);
        CHECK(info->point == row.expected.point);
        CHECK(info->source == row.expected.source);
        CHECK(info->options == row.expected.options);
        CHECK(info->type == row.expected.type);
        CHECK(info->shared == row.expected.shared);
    }
}

TEST_CASE("the options of a file system, with commas in their values") {
    const auto mount = sys::parse_mountinfo_line(
        R"(1 1 0:1 / / rw - overlay overlay rw,lowerdir=/l\054upperdir=/x:/m,upperdir=/a\054b\040c,workdir=,upperdirs=/n,index=off)");
    REQUIRE(mount);
    CHECK(sys::option_of(*mount, "lowerdir") == "/l,upperdir=/x:/m");
    CHECK(sys::option_of(*mount, "upperdir") == "/a,b c");
    CHECK(sys::option_of(*mount, "workdir") == "");
    CHECK(sys::option_of(*mount, "index") == "off");
    CHECK(!sys::option_of(*mount, "rw"));
    CHECK(!sys::option_of(*mount, "upper"));
    CHECK(!sys::option_of(*mount, ""));
}

TEST_CASE("a line that is cut off anywhere is none, or a shorter one") {
    for (const auto& row : rows) {
        const auto separator = row.line.find(" - ");
        for (std::size_t size = 0; size < row.line.size(); ++size) {
            const std::string cut = row.line.substr(0, size); // a copy: the sanitizer sees its end
            const auto info = sys::parse_mountinfo_line(cut);
            CAPTURE(cut);
            if (size <= separator + 1) {
                CHECK(!info);
            } else if (info) {
                CHECK(info->id == row.expected.id);
            }
        }
    }
}

TEST_CASE("what is no line of mountinfo") {
    for (const std::string line : {"", " ", "-", "x", "x 1 0:1 / / rw - tmpfs shm rw", "-1 1 0:1 / / rw - tmpfs shm rw",
                                   " 1 1 0:1 / / rw - tmpfs shm rw", "99999999999999999999 1 0:1 / / rw - tmpfs s rw",
                                   "1 1 0:1 / / rw tmpfs shm rw", "1 1 0:1 / /"}) {
        CAPTURE(line);
        CHECK(!sys::parse_mountinfo_line(line));
    }
}

TEST_CASE("the device of a mount, and whether it is read-only") {
    const auto mount = [](const std::string& device, const std::string& flags) {
        return sys::parse_mountinfo_line("1 1 " + device + " / / " + flags + " shared:1 - xfs /dev/sda rw").value();
    };
    CHECK(mount("8:17", "rw").device == makedev(8, 17));
    CHECK(mount("0:4294967295", "rw").device == makedev(0, 4294967295U));
    for (const std::string none : {"8", "8:", ":1", "a:1", "8:1x", "-1:1", ""}) {
        CHECK(mount(none, "rw").device == 0);
    }
    CHECK(mount("8:1", "ro").read_only);
    CHECK(mount("8:1", "ro,nosuid").read_only);
    CHECK(!mount("8:1", "rw,ro").read_only);
    CHECK(!mount("8:1", "rw,relatime").read_only);
    CHECK(!mount("8:1", "root").read_only);
    CHECK(!mount("8:1", "").read_only);
}

TEST_CASE("for_each_mount hands out every mount in order, leaves out what is none, and stops when told") {
    const test::TemporaryDirectory directory;
    directory.write("mountinfo", "garbage\n\n" + many_lines(300) + "7 1 0:1 / /cut rw\n" + "8 1 0:1 / /end rw - a b c");
    const auto walk = [&](std::uint64_t last) {
        const auto file = sys::open_at(sys::working_directory, directory.path("mountinfo"), O_RDONLY);
        std::vector<std::uint64_t> ids;
        const auto walked = sys::for_each_mount(file->borrow(), [&](const sys::MountInfo& mount) {
            ids.push_back(mount.id);
            return mount.id != last;
        });
        CHECK(walked);
        return ids;
    };
    const auto all = walk(0);
    REQUIRE(all.size() == 300); // what has no end of line is none
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i] == 1000 + i);
    }
    CHECK(walk(1000).size() == 1);
    CHECK(walk(1170).size() == 171);
    const auto file = sys::open_at(sys::working_directory, directory.path("mountinfo"), O_RDONLY);
    const test::FailingCall failing(SYS_read, EIO);
    CHECK(sys::for_each_mount(file->borrow(), [](const sys::MountInfo&) { return true; }).error().number == EIO);
}

TEST_CASE("find_mount finds each line of a file that is longer than what is read at once") {
    const auto text = many_lines(2000);
    for (const int i : {0, 1, 37, 56, 57, 58, 59, 60, 112, 500, 1023, 1998, 1999}) {
        const auto found = find_in(text, 1000 + static_cast<std::uint64_t>(i));
        REQUIRE(found);
        REQUIRE(*found);
        CHECK((*found)->source == "source-" + std::to_string(i));
    }
}

TEST_CASE("find_mount does not take a longer number, a parent or a line's middle for the mount") {
    const std::string text = "361 36 0:1 / /36 rw - tmpfs wrong rw\n"
                             "236 36 0:1 / /36 rw - tmpfs wrong rw\n"
                             "3 36 0:1 / /36 rw - tmpfs wrong rw\n"
                             "36 3 0:1 / /36 rw - tmpfs right rw\n";
    const auto found = find_in(text, 36);
    REQUIRE((found && *found));
    CHECK((*found)->source == "right");
    CHECK(!find_in(text, 6).value());
    CHECK(!find_in("", 36).value());
}

TEST_CASE("survey_mount finds the mount and counts those of the device, and no others") {
    const std::string text = "361 36 0:45 / /36 rw - tmpfs wrong rw\n"
                             "36 3 0:45 / /36 rw - tmpfs right rw\n"
                             "45 36 0:4 / /0:45 rw - tmpfs 0:45 rw\n"
                             "46 36 0:450 / /x rw - tmpfs x rw\n"
                             "47 36 45:0 /0:45 /x rw - tmpfs x rw\n";
    const auto survey = survey_of(text, 36, makedev(0, 45));
    REQUIRE(survey.mount);
    CHECK(survey.mount->source == "right");
    CHECK(survey.mounts_of_device == 2);
    CHECK(survey_of(text, 36, makedev(45, 0)).mounts_of_device == 1);
    CHECK(survey_of(text, 36, makedev(0, 9)).mounts_of_device == 0);
    CHECK(!survey_of(text, 6, makedev(0, 45)).mount);
}

TEST_CASE("find_mount finds a real mount by the number that statx gives") {
    const auto proc = sys::open_at(sys::working_directory, "/proc", O_PATH | O_DIRECTORY);
    REQUIRE(proc);
    const auto place = sys::place_of(proc->borrow());
    REQUIRE(place);
    CHECK(place->mount_root);
    const auto mountinfo = sys::open_at(sys::working_directory, "/proc/self/mountinfo", O_RDONLY);
    REQUIRE(mountinfo);
    const auto found = sys::find_mount(mountinfo->borrow(), place->mount_id);
    REQUIRE(found);
    REQUIRE(*found);
    CHECK((*found)->type == "proc");
    CHECK((*found)->root == "/");
}

TEST_CASE("find_mount tells a failing read") {
    const auto mountinfo = sys::open_at(sys::working_directory, "/proc/self/mountinfo", O_RDONLY);
    const test::FailingCall failing(SYS_read, EIO);
    const auto found = sys::find_mount(mountinfo->borrow(), 1);
    REQUIRE(!found);
    CHECK(found.error().number == EIO);
}
