// SPDX-License-Identifier: Apache-2.0
// The guard on this kernel, by every entry that it has.
#include "runtime/shim/guard.h"

#include "runtime/sys/process.h"
#include "support/child.h"
#include "support/disk.h"
#include "support/kernel_entry.h"

#include <array>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <functional>
#include <grp.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <thread>

using namespace bulkhead;
using test::call_native;
using test::Disk;
using test::DiskKind;
using test::Findings;
using test::label_at;
using test::what_of;

namespace {

const auto needs_root = doctest::skip(::geteuid() != 0 || !shim::has_guard());
const auto needs_xfs = doctest::skip(!test::can_mount_xfs() || !shim::has_guard());
const auto needs_ext4 = doctest::skip(!test::can_mount_ext4() || !shim::has_guard());

constexpr std::array<unsigned, 3> denied{FS_IOC_FSSETXATTR, FS_IOC_SETFLAGS, FS_IOC32_SETFLAGS};
const std::string chattr = "/usr/bin/chattr";
constexpr std::array<unsigned long, 5> upper_halves{0, 1, 0x80000000, 0xffffffff, 0x12345678};

struct Way {
    std::string name;
    std::function<long(long, long, long)> ioctl; // descriptor, request, argument
    std::function<long(long, long)> setattr;     // descriptor, argument
};

// `arguments` is of low_memory().
std::vector<Way> ways() {
    const auto by = [](auto call, long ioctl, long setattr) {
        return Way{
            .name = std::to_string(ioctl),
            .ioctl = [=](long file, long request, long argument) { return call(ioctl, file, request, argument, 0, 0); },
            .setattr = [=](long file, long argument) { return call(setattr, file, argument, argument, 24, 0); }};
    };
    std::vector<Way> all{by(call_native, SYS_ioctl, test::file_setattr)};
#if defined(__x86_64__)
    all.push_back(by(call_native, test::x32_bit | test::ioctl_of_x32, test::x32_bit | test::file_setattr));
    all.push_back(by(call_native, test::x32_bit | SYS_ioctl, test::file_setattr));
    if (test::has_i386_entry()) {
        all.push_back(by(test::call_i386, test::ioctl_of_i386, test::file_setattr));
    }
#endif
    return all;
}

// Every denied call, by every entry, on `file`.
void expect_denied(Findings& findings, const std::string& who, long file = -1) {
    auto* const memory = test::low_memory();
    findings.expect(memory != nullptr, "memory");
    const auto argument = reinterpret_cast<long>(memory);
    for (const auto& way : ways()) {
        for (const unsigned long request : denied) {
            for (const auto upper : upper_halves) {
                const auto word = static_cast<long>(upper << 32U | request);
                findings.expect(way.ioctl(file, word, argument) == -ENOTTY,
                                who + ": ioctl by " + way.name + " with " + std::to_string(word));
            }
        }
        findings.expect(way.setattr(file, argument) == -ENOSYS, who + ": file_setattr by " + way.name);
    }
}

bool become_nobody() {
    constexpr uid_t nobody = 65534;
    return ::setgroups(0, nullptr) == 0 && ::setgid(nobody) == 0 && ::setuid(nobody) == 0;
}

void put_up(Findings& findings) { findings.expect_equal(what_of(shim::put_up_guard()), ""); }

// What programs do with ioctl, and what it says; nothing here is denied.
std::vector<long> everyday_calls(const std::string& directory) {
    const UniqueFd file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    const long on = file.borrow().number();
    const long tty = terminal.borrow().number();
    std::array<long, 64> words{};
    const auto memory = reinterpret_cast<long>(words.data());
    std::vector<long> results;
    for (const long request :
         std::initializer_list<long>{FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_GETVERSION, FIOCLEX, FIONCLEX, FIONBIO,
                                     FIOQSIZE, FIGETBSZ, FICLONE, FS_IOC_GETFSLABEL}) {
        results.push_back(call_native(SYS_ioctl, on, request, memory));
    }
    for (const long request :
         std::initializer_list<long>{TCGETS, TCSETS, TIOCGWINSZ, TIOCSWINSZ, TIOCSPTLCK, FIONREAD}) {
        results.push_back(call_native(SYS_ioctl, tty, request, memory));
    }
    results.push_back(call_native(test::file_getattr, on, reinterpret_cast<long>("."), memory, 24));
    results.insert(results.end(), words.begin(), words.end());
    return results;
}

// What it prints, and how it ended.
std::string output_of(const std::vector<std::string>& command) {
    const auto outcome = sys::run_program(command, std::chrono::seconds(10));
    return outcome ? outcome->output + std::to_string(outcome->status) : outcome.error().what;
}

// libe2p makes its own of ENOTTY.
std::string no_flags_on(const std::string& path) {
    return std::string(chattr).append(": Operation not supported while setting flags on ").append(path).append("\n1");
}

// On an overlay whose layer is labelled and limited, as root and as somebody who owns a directory there.
void try_to_leave(Findings& findings, const Disk& disk) {
    const auto place = disk.path("merged/own");
    std::filesystem::create_directory(place);
    findings.expect(::chown(place.c_str(), 65534, 65534) == 0, "chown");
    const UniqueFd before(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    put_up(findings);
    const auto all = [&](const std::string& who) {
        for (const auto& path : {place, disk.path("merged"), disk.path("upper")}) {
            const UniqueFd file(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
            expect_denied(findings, std::string(who).append(" on ").append(path), file.borrow().number());
        }
        expect_denied(findings, who + " on one opened before", before.borrow().number());
    };
    all("root");
    findings.expect_equal(output_of({chattr, "-P", place}), no_flags_on(place));
    findings.expect(become_nobody(), "setuid");
    all("nobody");
    findings.expect_equal(label_at(place), "7+");
    findings.expect_equal(label_at(disk.path("upper")), "7+");
}

void check_on(Findings& findings, Disk& disk) {
    for (const auto* const name : {"lower", "upper", "work", "merged"}) {
        std::filesystem::create_directory(disk.path(name));
    }
    findings.expect(::chmod(disk.path("..").c_str(), 0755) == 0, "chmod"); // as all but root must reach it
    findings.expect(test::set_label(disk.path("upper"), {.id = 7, .inherit = true}), "label upper");
    findings.expect(test::set_label(disk.path("work"), {.id = 7, .inherit = true}), "label work");
    const auto options =
        "lowerdir=" + disk.path("lower") + ",upperdir=" + disk.path("upper") + ",workdir=" + disk.path("work");
    findings.expect(disk.overlay(disk.path("merged"), options), "overlay");
    // Without the guard a container's user does it, so the test would see a guard that does nothing.
    findings.expect_equal(test::in_child([&](Findings& inner) {
                              std::filesystem::create_directory(disk.path("merged/free"));
                              inner.expect(::chown(disk.path("merged/free").c_str(), 65534, 65534) == 0, "chown");
                              inner.expect(become_nobody(), "setuid");
                              inner.expect(test::set_label(disk.path("merged/free"), {}), "without the guard");
                              inner.expect_equal(label_at(disk.path("upper/free")), "0");
                          }),
                          "");
    findings.expect_equal(test::in_child([&](Findings& inner) { try_to_leave(inner, disk); }), "");
}

} // namespace

TEST_CASE("behind the guard each denied call is denied by every entry, to whomever (root)" * needs_root) {
    CHECK(test::in_child([](Findings& findings) {
              for (const auto request : denied) {
                  findings.expect(call_native(SYS_ioctl, -1, request, 0) == -EBADF, "before");
              }
              findings.expect(!sys::labels_are_guarded(), "guarded before");
              put_up(findings);
              findings.expect(sys::labels_are_guarded(), "not guarded");
              expect_denied(findings, "root");
              std::thread([&] { expect_denied(findings, "a thread"); }).join();
              findings.expect_equal(test::in_child([](Findings& inner) { expect_denied(inner, "a child"); }), "");
              findings.expect(become_nobody(), "setuid");
              expect_denied(findings, "nobody");
          }) == "");
}

TEST_CASE("of what is asked of ioctl, nothing else is denied (root)" * needs_root) {
    CHECK(test::in_child([](Findings& findings) {
              const auto before = everyday_calls(".");
              put_up(findings);
              findings.expect(everyday_calls(".") == before, "everyday calls differ");
              // All requests of the two letters that the denied have, whatever their direction, and sizes near theirs.
              for (const unsigned letter : {unsigned{'X'}, unsigned{'f'}}) {
                  for (unsigned word = 0; word < (1U << 16U); ++word) {
                      const unsigned direction_and_size = (word >> 14U << 14U) | (word >> 8U & 63U);
                      const unsigned request = direction_and_size << 16U | letter << 8U | (word & 255U);
                      const bool is_denied = std::ranges::find(denied, request) != denied.end();
                      findings.expect(call_native(SYS_ioctl, -1, request, 0) == (is_denied ? -ENOTTY : -EBADF),
                                      std::to_string(request));
                  }
              }
          }) == "");
}

TEST_CASE("what the guard is put on may execute, and get privileges by that, as before (root)" * needs_root) {
    CHECK(test::in_child([](Findings& findings) {
              put_up(findings);
              put_up(findings); // a container in a container
              findings.expect(::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "no_new_privs");
              findings.expect_equal(output_of({"/usr/bin/true"}), "0");
              expect_denied(findings, "twice");
          }) == "");
}

TEST_CASE("without CAP_SYS_ADMIN there is no guard, and what was missing is said (root)" * needs_root) {
    CHECK(test::in_child([](Findings& findings) {
              findings.expect(become_nobody(), "setuid");
              findings.expect_equal(what_of(shim::put_up_guard()),
                                    "guard: set a seccomp filter: Permission denied; CAP_SYS_ADMIN is needed");
              findings.expect(!sys::labels_are_guarded(), "guarded");
          }) == "");
}

TEST_CASE("nobody leaves a labelled layer behind the guard (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) { check_on(findings, disk); }) == "");
}

TEST_CASE("nobody leaves a labelled layer behind the guard (root, an ext4 of its own)" * needs_ext4) {
    CHECK(test::on_disk(DiskKind::ext4, "", [](Findings& findings, Disk& disk) { check_on(findings, disk); }) == "");
}

TEST_CASE("chattr fails as on a file system without flags, and lsattr works (root, an XFS of its own)" * needs_xfs) {
    CHECK(test::on_disk(DiskKind::xfs, "", [](Findings& findings, Disk& disk) {
              std::filesystem::create_directory(disk.path("d"));
              findings.expect(test::set_label(disk.path("d"), {.id = 7, .inherit = true}), "label");
              const auto before = output_of({"/usr/bin/lsattr", "-pd", disk.path("d")});
              findings.expect(before.starts_with("    7 ") && before.contains('P'), before);
              findings.expect_equal(output_of({chattr, "+d", disk.path("d")}), "0");
              findings.expect_equal(output_of({chattr, "-d", disk.path("d")}), "0");
              put_up(findings);
              findings.expect_equal(output_of({"/usr/bin/lsattr", "-pd", disk.path("d")}), before);
              findings.expect_equal(output_of({chattr, "-P", disk.path("d")}), no_flags_on(disk.path("d")));
              findings.expect(output_of({chattr, "-p", "0", disk.path("d")}).ends_with("\n1"), "chattr -p");
              findings.expect_equal(label_at(disk.path("d")), "7+");
          }) == "");
}
