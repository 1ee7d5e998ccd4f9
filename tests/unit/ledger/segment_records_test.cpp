// SPDX-License-Identifier: Apache-2.0
// Segments with real mounts; processes that do nothing are their members.
#include "runtime/ledger/segment_records.h"

#include "runtime/sys/file.h"
#include "support/failing_call.h"
#include "support/segment_machine.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <numeric>
#include <set>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

using namespace bulkhead;
using ledger::Owner;
using ledger::SegmentRecords;
using policy::SegmentPlace;
using policy::SegmentPlan;
using test::Findings;
using test::holds;
using test::Machine;
using test::place;
using test::plan;

namespace {

const auto needs_mounts = doctest::skip(!test::can_mount_privately());
} // namespace

TEST_CASE("the first member makes it, the last one takes it along (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        const test::IdleProcess b;
        findings.expect_equal(machine.join(a, plan("size=1Mi")), "");
        findings.expect_equal(machine.join(b, plan("size=2Mi")), "");
        findings.expect_equal(machine.tmpfs(), "2097152");
        findings.expect_equal(std::to_string(machine.mounts()), "2"); // and the anchor
        test::write_file(machine.state("/segments/k8s/prod/x/file"), "x");
        machine.leave(a);
        findings.expect_equal(machine.tmpfs(), "2097152");
        findings.expect(std::filesystem::exists(machine.state("/segments/k8s/prod/x/file")), "freed early");
        machine.leave(a);
        findings.expect_equal(machine.tmpfs(), "2097152");
        machine.leave(b);
        machine.expect_nothing_left();
        machine.leave(b);
    }));
}

TEST_CASE("an anchor that a killed process left shared is none's way out (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        findings.expect_equal(machine.join(a, plan("size=1Mi")), "");
        machine.leave(a);
        // As it is between move_mount() and mount_setattr(): below a shared mount it is shared itself.
        const auto anchor = machine.state("/segments");
        findings.expect(::mkdir(anchor.c_str(), 0700) == 0, "mkdir");
        findings.expect(::mount(anchor.c_str(), anchor.c_str(), nullptr, MS_BIND, nullptr) == 0, "bind");
        findings.expect_equal(std::to_string(machine.shared_mounts()), "1");
        findings.expect_equal(machine.join(a, plan("size=1Mi")), "");
        findings.expect_equal(std::to_string(machine.mounts()), "2");
        findings.expect_equal(std::to_string(machine.shared_mounts()), "0");
        machine.leave(a);
        machine.expect_nothing_left();
    }));
}

TEST_CASE("inodes are compared with what a grown segment has (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        const test::IdleProcess b;
        findings.expect_equal(machine.join(a, plan("size=64Mi")), "");
        findings.expect(!machine.join(b, plan("size=128Mi,inodes=16384")).empty(), "as many as 64 MiB had");
        findings.expect_equal(machine.join(b, plan("size=128Mi,inodes=32768")), "");
        machine.leave(a);
        machine.leave(b);
        machine.expect_nothing_left();
    }));
}

TEST_CASE("a member counts as long as its process lives (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        const test::IdleProcess b;
        findings.expect_equal(machine.join(a, plan("size=1Mi")), "");
        findings.expect_equal(machine.join(b, plan("")), "");
        test::write_file(machine.state("/segments/k8s/prod/x/file"), "x");
        a.become_zombie();
        machine.leave(b); // the last one that lives
        machine.expect_nothing_left();
        const test::IdleProcess c;
        findings.expect_equal(machine.join(b, plan("size=1Mi")), "");
        test::write_file(machine.state("/segments/k8s/prod/x/file"), "x");
        b.become_zombie();
        findings.expect_equal(machine.join(c, plan("size=4Mi")), ""); // of the dead one nothing is seen
        findings.expect_equal(machine.tmpfs(), "4194304");
        findings.expect(!std::filesystem::exists(machine.state("/segments/k8s/prod/x/file")), "a dead member's file");
        machine.leave(c);
        machine.expect_nothing_left();
    }));
}

TEST_CASE("members of another boot are none (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        auto owner = Machine::owner(a);
        owner.boot_id = "another";
        SegmentRecords book(machine.state(), owner, "r");
        findings.expect(book.join(plan("size=1Mi"), "").has_value(), "join");
        SegmentRecords gc(machine.state());
        findings.expect(gc.collect(place, true, true).value_or(false), "it has a member");
        findings.expect_equal(machine.tmpfs(), "1048576"); // a dry run
        findings.expect(gc.collect(place, true, false).value_or(false), "it has a member");
        machine.expect_nothing_left();
    }));
}

TEST_CASE("gc: leaves members alone, keeps what is to be kept, finds each scope (root, mounts of its own)" *
          needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const SegmentPlace local{.scope = "local", .name = "l"};
        const SegmentPlace node{.scope = "node", .name = "n"};
        test::IdleProcess a;
        auto kept = plan("size=1Mi", node);
        kept.keep = true;
        findings.expect_equal(
            machine.join(a, plan("size=1Mi")) + machine.join(a, plan("size=1Mi", local)) + machine.join(a, kept), "");
        SegmentRecords gc(machine.state());
        findings.expect_equal(std::to_string(gc.places()->size()), "3");
        for (const auto places = gc.places(); const auto& where : *places) {
            findings.expect(!gc.collect(where, false, false).value_or(true), "collected " + where.path());
        }
        a.end();
        for (const auto places = gc.places(); const auto& where : *places) {
            findings.expect(gc.collect(where, true, false).value_or(false) == (where != node), where.path());
        }
        findings.expect_equal(machine.tmpfs(node), "1048576");
        findings.expect(gc.collect(node, false, false).value_or(false), "kept though nobody wants it");
        machine.expect_nothing_left();
    }));
}

TEST_CASE("a kept segment is there for the next member, with the terms of the first (root, mounts of its own)" *
          needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        auto kept = plan("size=1Mi,mode=1770");
        kept.keep = true;
        findings.expect_equal(machine.join(a, kept), "");
        test::write_file(machine.state("/segments/k8s/prod/x/file"), "x");
        machine.leave(a);
        findings.expect(std::filesystem::exists(machine.state("/segments/k8s/prod/x/file")), "not kept");
        auto other = plan("mode=1777");
        other.keep = true;
        findings.expect_equal(machine.join(a, other),
                              "io.bulkhead.segment.x=\"path=/x,mode=1777\": mode differs from that of "
                              "the segment's members, 1770; write the same or leave mode out");
        findings.expect_equal(machine.join(a, plan("")), ""); // not to be kept any more
        machine.leave(a);
        machine.expect_nothing_left();
    }));
}

TEST_CASE("whoever has no say in it leaves the terms to the first one that has (root, mounts of its own)" *
          needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        const test::IdleProcess b;
        auto reader = plan("ro");
        reader.shapes = false;
        reader.size = Bytes{64U << 20U}; // the operator's
        findings.expect_equal(machine.join(a, reader), "");
        findings.expect_equal(machine.join(b, plan("mode=1777,noswap")),
                              "io.bulkhead.segment.x=\"path=/x,mode=1777,noswap\": noswap differs from that of the "
                              "segment's members, not set; write the same or leave noswap out");
        findings.expect_equal(machine.join(b, plan("size=128Mi,mode=2750,uid=7,gid=8,inodes=50,huge=never")), "");
        struct stat status{};
        findings.expect(::stat(machine.state("/segments/k8s/prod/x").c_str(), &status) == 0, "stat");
        findings.expect((status.st_mode & 07777U) == 02750, "mode");
        findings.expect(status.st_uid == 7 && status.st_gid == 8, "owner");
        findings.expect_equal(machine.tmpfs(), "134217728");
        struct statfs use{};
        findings.expect(::statfs(machine.state("/segments/k8s/prod/x").c_str(), &use) == 0, "statfs");
        findings.expect(use.f_files == 50, "inodes");
        findings.expect_equal(machine.join(a, reader), ""); // once more, after it
        findings.expect_equal(machine.join(b, plan("mode=1777")),
                              "io.bulkhead.segment.x=\"path=/x,mode=1777\": mode differs from that of the "
                              "segment's members, 2750; write the same or leave mode out");
        machine.leave(a);
        machine.leave(b);
        machine.expect_nothing_left();
    }));
}

TEST_CASE("refused joins leave nothing, and other members theirs (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        const test::IdleProcess b;
        findings.expect_equal(machine.join(a, plan("")),
                              "io.bulkhead.segment.x=\"path=/x,\": is the first to join the segment and "
                              "says no size; add size=...");
        machine.leave(a);
        machine.expect_nothing_left();
        findings.expect_equal(machine.join(a, plan("size=2Mi")), "");
        findings.expect_equal(machine.join(b, plan("size=1Mi")),
                              "io.bulkhead.segment.x=\"path=/x,size=1Mi\": size is less than the "
                              "segment's 2Mi, which never shrinks; write that, or leave size out");
        machine.leave(b);
        findings.expect_equal(machine.tmpfs(), "2097152");
    }));
}

TEST_CASE("unmounted by somebody else: no member gets another memory (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        const test::IdleProcess b;
        findings.expect_equal(machine.join(a, plan("size=1Mi")), "");
        ::umount2(machine.state("/segments/k8s/prod/x").c_str(), MNT_DETACH);
        findings.expect_equal(machine.join(b, plan("size=1Mi")),
                              "io.bulkhead.segment.x=\"path=/x,size=1Mi\": somebody unmounted the "
                              "segment (k8s/prod/x), which still has members; stop them first");
        machine.leave(b);
        machine.leave(a);
        machine.expect_nothing_left();
    }));
}

TEST_CASE("what the node has mounted in a segment is left alone, and the rest goes (root, mounts of its own)" *
          needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        findings.expect_equal(machine.join(a, plan("size=1Mi")), "");
        const auto root = machine.state("/segments/k8s/prod/x");
        findings.expect(test::mount_tmpfs(machine.directory.path("other"), "other", "size=1m"), "mount");
        machine.directory.write("other/file", "x");
        std::filesystem::create_directories(root + "/a/b");
        std::filesystem::create_directory_symlink(machine.directory.path("other"), root + "/a/link");
        findings.expect(
            ::mount(machine.directory.path("other").c_str(), (root + "/a/b").c_str(), nullptr, MS_BIND, nullptr) == 0,
            "bind");
        machine.leave(a);
        machine.expect_nothing_left();
        findings.expect(machine.directory.has("other/file"), "what is mounted there was emptied");
        ::umount(machine.directory.path("other").c_str());
    }));
}

TEST_CASE("what is too much to be emptied in time goes as a whole where nobody has a copy (root, mounts of its own)" *
          needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        SegmentRecords book(machine.state(), Machine::owner(a), "r", std::chrono::milliseconds(0));
        findings.expect(book.join(plan("size=1Mi"), "").has_value(), "join");
        test::write_file(machine.state("/segments/k8s/prod/x/file"), "x");
        findings.expect(book.leave(place).has_value() && book.finished().has_value(), "leave");
        machine.expect_nothing_left();
    }));
}

TEST_CASE("else it is put aside, the name is free, and gc takes it (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        SegmentRecords book(machine.state(), Machine::owner(a), "r", std::chrono::milliseconds(0));
        findings.expect(book.join(plan("size=1Mi"), "").has_value(), "join");
        std::filesystem::create_directories(machine.state("/segments/k8s/prod/x/a/b"));
        test::write_file(machine.state("/segments/k8s/prod/x/a/b/file"), "x");
        // Elsewhere than where it is: there it goes with its mount point.
        const auto copy = machine.directory.path("copy");
        std::filesystem::create_directories(copy);
        const test::IdleProcess other([&] {
            return ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                   ::mount(machine.state("/segments/k8s/prod/x").c_str(), copy.c_str(), nullptr, MS_BIND, nullptr) == 0;
        });
        findings.expect(other.ready(), "copy");
        const auto seen = "/proc/" + std::to_string(other.pid()) + "/root" + copy;
        findings.expect(book.leave(place).has_value(), "leave");
        findings.expect_equal(book.finished() ? "" : book.finished().error().what,
                              "segment x: nobody is a member any more, but it holds more than can be removed at once "
                              "and another mount namespace has a copy of its mount; bulkhead gc frees the rest");
        findings.expect_equal(machine.tmpfs(), "none");
        findings.expect_equal(test::read_file(seen + "/a/b/file"), "x");

        findings.expect_equal(machine.join(a, plan("size=2Mi")), ""); // one of its own
        findings.expect_equal(machine.tmpfs(), "2097152");
        SegmentRecords gc(machine.state());
        const auto remains = gc.remains()->at(0);
        findings.expect_equal(machine.tmpfs({.scope = remains.scope, .name = remains.name}), "1048576");
        findings.expect_equal(machine.garbage(true), "segments/k8s/prod/" + remains.name + " ");
        findings.expect_equal(machine.garbage(false), "segments/k8s/prod/" + remains.name + " ");
        findings.expect(!gc.collect_remains(remains, false).value_or(true), "collected twice");
        findings.expect(std::filesystem::is_empty(seen), "the copy has its memory still");
        findings.expect_equal(machine.tmpfs(), "2097152");
        machine.leave(a);
        machine.expect_nothing_left();
    }));
}

TEST_CASE("whatever call fails once, leaving and gc leave nothing (root, mounts of its own)" * needs_mounts) {
    for (const long number : {SYS_openat, SYS_newfstatat, SYS_flock, SYS_mkdirat, SYS_statx, SYS_open_tree,
                              SYS_move_mount, SYS_mount_setattr, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_symlinkat,
                              SYS_renameat2, SYS_write, SYS_umount2, SYS_unlinkat, SYS_getdents64, SYS_read}) {
        CAPTURE(number);
        CHECK(holds([&](Findings& findings, const Machine& machine) {
            for (int nth = 0; nth < 60; ++nth) {
                test::IdleProcess a;
                const auto owner = Machine::owner(a);
                int seen = 0;
                {
                    const test::FailingCall failing(number, EIO, nth, 1);
                    SegmentRecords book(machine.state(), owner, "r", std::chrono::milliseconds(0));
                    static_cast<void>(book.join(plan("size=1Mi"), ""));
                    if (nth % 2 == 0) { // what is put aside
                        static_cast<void>(
                            ::mknod(machine.state("/segments/k8s/prod/x/file").c_str(), S_IFREG | 0600, 0));
                    }
                    static_cast<void>(book.leave(place));
                    seen = test::FailingCall::seen();
                }
                a.end();
                SegmentRecords gc(machine.state());
                for (const auto places = gc.places(); const auto& where : *places) {
                    findings.expect(gc.collect(where, false, false).value_or(false), "gc");
                }
                for (const auto all = gc.remains(); const auto& remains : *all) {
                    findings.expect(gc.collect_remains(remains, false).value_or(false), "gc of what is left");
                }
                findings.expect(gc.tidy().has_value(), "tidy");
                machine.expect_nothing_left();
                if (seen <= nth) {
                    break;
                }
            }
        }));
    }
}

TEST_CASE("a state directory that others can write to is not believed (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        findings.expect_equal(machine.join(a, plan("size=1Mi")), "");
        findings.expect(::chmod(machine.state("/segments/k8s/prod").c_str(), 0777) == 0, "chmod");
        const auto refused = machine.join(a, plan("size=1Mi"));
        findings.expect(refused.find("is not root's alone to write") != std::string::npos, refused);
        findings.expect(::chmod(machine.state("/segments/k8s/prod").c_str(), 0700) == 0, "chmod");
        test::write_file(machine.state("/segments/k8s/prod/x.members/terms.json"), "{");
        findings.expect_equal(machine.join(a, plan("size=1Mi")),
                              "terms of the segment k8s/prod/x: JSON is malformed or cut off");
        machine.leave(a); // it goes all the same
        machine.expect_nothing_left();
    }));
}

TEST_CASE("all segments of a scope together have a maximum (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess a;
        const test::IdleProcess b;
        const auto wanted = [](const std::string& name, const std::string& options, const std::string& scope) {
            auto one = plan(options, {.scope = scope, .name = name});
            one.total = policy::Maximum{.value = 3U << 20U, .origin = "ORIGIN"};
            return one;
        };
        const auto expect_refusal = [&](const SegmentPlan& one, const std::string& others) {
            findings.expect_equal(machine.join(b, one),
                                  one.asked
                                      .explain({.what = "all segments here together would exceed the maximum of "
                                                        "3Mi (ORIGIN); others have " +
                                                        others + "; ask for less"})
                                      .what);
        };
        findings.expect_equal(machine.join(a, wanted("x", "size=1Mi", "local")), "");
        expect_refusal(wanted("y", "size=2097153", "local"), "1Mi");
        findings.expect_equal(machine.tmpfs({.scope = "local", .name = "y"}), "none");
        findings.expect_equal(machine.join(b, wanted("y", "size=2Mi", "local")), "");
        findings.expect_equal(machine.join(b, wanted("y", "size=3Mi", "k8s/prod")), ""); // another's
        expect_refusal(wanted("x", "size=2Mi", "local"), "2Mi");
        findings.expect_equal(machine.join(b, wanted("x", "size=1Mi", "local")), "");
        findings.expect_equal(machine.join(b, wanted("x", "", "local")), "");
        machine.leave(a, {.scope = "local", .name = "x"});
        machine.leave(b, {.scope = "local", .name = "x"});
        findings.expect_equal(machine.join(a, wanted("z", "size=1Mi", "local")), "");
        machine.leave(a, {.scope = "local", .name = "z"});
        machine.leave(b, {.scope = "local", .name = "y"});
        machine.leave(b, {.scope = "k8s/prod", .name = "y"});
        machine.expect_nothing_left();
    }));
}

TEST_CASE("what dead members left does not count in a scope's maximum (root, mounts of its own)" * needs_mounts) {
    CHECK(holds([](Findings& findings, const Machine& machine) {
        const test::IdleProcess dead;
        const test::IdleProcess alive;
        const auto wanted = [](const std::string& name) {
            auto one = plan("size=2Mi", {.scope = "local", .name = name});
            one.total = policy::Maximum{.value = 3U << 20U, .origin = "ORIGIN"};
            return one;
        };
        findings.expect_equal(machine.join(dead, wanted("x")), "");
        findings.expect(machine.join(alive, wanted("y")).contains("others have 2Mi"), "a living one does not count");
        dead.become_zombie();
        findings.expect_equal(machine.join(alive, wanted("y")), "");
        findings.expect_equal(machine.tmpfs({.scope = "local", .name = "x"}), "none");
        machine.leave(alive, {.scope = "local", .name = "y"});
        machine.expect_nothing_left();
    }));
}
