// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/segment.h"

#include <doctest/doctest.h>

using namespace bulkhead;
using oci::is_segment_name;
using oci::parse_segment_options;

namespace {

std::string refusal(const std::string& text) {
    const auto options = parse_segment_options(text);
    if (!options) {
        CHECK(options.error().code == Code::invalid_annotation);
    }
    return options ? "" : options.error().what;
}

} // namespace

TEST_CASE("names of segments") {
    for (const std::string name : {"a", "0", "a-b", "market-data", "a--b"}) {
        CHECK(is_segment_name(name));
    }
    CHECK(is_segment_name(std::string(43, 'a')));
    CHECK(!is_segment_name(std::string(44, 'a')));
    for (const std::string name : {"", ".", "..", "-a", "a-", "-", "A", "a.b", "a/b", "a_b", "a b", "\xc3\xa4"}) {
        CAPTURE(name);
        CHECK(!is_segment_name(name));
    }
}

TEST_CASE("all options, with commas and blanks") {
    for (const std::string text :
         {"path=/a/b,size=64Mi,mode=0770,uid=7,gid=4294967294,inodes=9,huge=advise,noswap,ro,exec",
          " path=/a/b size=64Mi,  mode=770\tuid=7 gid=4294967294 inodes=9 huge=advise noswap ro exec,"}) {
        const auto options = parse_segment_options(text);
        REQUIRE(options);
        CHECK(options->path == "/a/b");
        CHECK(options->size == Bytes{64U << 20U});
        CHECK(options->mode == 0770U);
        CHECK(options->owner == 7U);
        CHECK(options->group == 4294967294U);
        CHECK(options->inodes == Count{9});
        CHECK(options->huge == "advise");
        CHECK(options->noswap);
        CHECK(options->read_only);
        CHECK(options->exec);
    }
    const auto least = parse_segment_options("path=/x");
    REQUIRE(least);
    CHECK(!least->size);
    CHECK(!least->mode);
    CHECK(!least->owner);
    CHECK(!least->group);
    CHECK(!least->inodes);
    CHECK(!least->huge);
    CHECK(!least->noswap);
    CHECK(!least->read_only);
    CHECK(!least->exec);
}

TEST_CASE("lists that are none") {
    CHECK(refusal("") == "has no path; write path=/...");
    CHECK(refusal(" , ") == "has no path; write path=/...");
    CHECK(refusal("size=1Mi") == "has no path; write path=/...");
    CHECK(refusal("path=/a,path=/b") == "has path twice");
    CHECK(refusal("path=/a ro ro") == "has ro twice");
    CHECK(refusal("path=/a,size") == "size needs a value; write size=...");
    CHECK(refusal("path=/a,ro=yes") == "ro takes no value");
    const std::string known = "; there are path, size, mode, uid, gid, inodes, huge, noswap, ro and exec";
    CHECK(refusal("path=/a,sise=1") == "unknown option \"sise\"" + known);
    CHECK(refusal("path=/a,=1") == "unknown option \"\"" + known);
    CHECK(refusal("path=/a,Size=1") == "unknown option \"Size\"" + known);
}

TEST_CASE("paths") {
    for (const std::string path :
         {"/a", "/a/b.c", "/dev/shm", "/dev/shm/x", "/develop", "/process", "/system", "/..a", "/a..", "/.a"}) {
        CAPTURE(path);
        CHECK(refusal("path=" + path).empty());
    }
    CHECK(refusal("path=/" + std::string(255, 'a')).empty());
    CHECK(refusal("path=/" + std::string(256, 'a')) == "path is longer than 256 characters");
    CHECK(refusal("path=") == "path is not absolute; write path=/...");
    CHECK(refusal("path=a/b") == "path is not absolute; write path=/...");
    CHECK(refusal("path=/") == "path is the container's root; write a directory in it");
    for (const std::string path : {"//a", "/a/", "/a//b", "/./a", "/a/.", "/../a", "/a/../b", "/a/.."}) {
        CAPTURE(path);
        CHECK(refusal("path=" + path) == "path has an empty, \".\" or \"..\" component; write it without");
    }
    CHECK(refusal("path=/a\nb") == "path has a control character");
    CHECK(refusal("path=/a\x7f") == "path has a control character");
    for (const std::string path : {"/proc", "/proc/1", "/sys", "/sys/fs/cgroup", "/dev", "/dev/shmem", "/dev/mqueue"}) {
        CAPTURE(path);
        CHECK(refusal("path=" + path) == "path is in " + path.substr(0, path.find('/', 1)) +
                                             "; write one that is not in /proc, /sys or /dev, or one in /dev/shm");
    }
}

TEST_CASE("values") {
    CHECK(refusal("path=/a,size=0") == "size: is 0, which would be no limit; write more");
    CHECK(refusal("path=/a,size=512m") ==
          "size: \"m\" is milli in Kubernetes and MiB in docker; write 512Mi or 536870912");
    for (const std::string mode : {"", "8", "1778", "4000", "77777777777", "rwx", "-1"}) {
        CAPTURE(mode);
        CHECK(refusal("path=/a,mode=" + mode) == "mode is not octal, or above 3777; write it as in mode=1777");
    }
    CHECK(refusal("path=/a,mode=3777").empty());
    CHECK(refusal("path=/a,mode=0").empty());
    for (const std::string id : {"", "-1", "4294967295", "root", "1x", "99999999999999999999"}) {
        CAPTURE(id);
        CHECK(refusal("path=/a,uid=" + id) == "uid is no id; write a number up to 4294967294");
        CHECK(refusal("path=/a,gid=" + id) == "gid is no id; write a number up to 4294967294");
    }
    CHECK(refusal("path=/a,inodes=1") == "inodes: is too little; write at least 2");
    CHECK(refusal("path=/a,inodes=1k") == "inodes: has \"k\" after the number; write digits only");
    CHECK(refusal("path=/a,huge=yes") == "huge is none of never, always, within_size, advise");
}
