// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/program.h"

#include "support/made_up_root.h"

#include <doctest/doctest.h>

using namespace bulkhead;

namespace {

std::string judged(const test::MadeUpRoot& root, const std::string& path) {
    return root.enter([&](test::Findings& findings) {
        const auto finding = doctor::judge_program(path, "install it");
        if (finding.verdict != doctor::Verdict::ok) {
            findings.add(finding.reason + " | " + finding.mend);
        }
    });
}

} // namespace

TEST_CASE("a program that nobody but root can replace" * doctest::skip(!test::can_mount_privately())) {
    const test::MadeUpRoot root;
    root.program("/usr/bin/one");
    root.link("/opt/two", "/usr/bin/one");
    CHECK(judged(root, "/usr/bin/one").empty());
    CHECK(judged(root, "/opt/two").empty());
    root.link("/opt/gone", "/usr/bin/none");
    CHECK(judged(root, "/usr/bin/none") == "/usr/bin/none is not there | install it\n");
    CHECK(judged(root, "/opt/gone") == "/opt/gone is a symlink to nothing | install it\n");
    CHECK(judged(root, "/usr/bin") == "/usr/bin is not a program | install it\n");
    root.change_mode("/usr/bin/one", 0644);
    CHECK(judged(root, "/opt/two") == "/opt/two is not executable | chmod 755 /opt/two\n");
    root.change_mode("/usr/bin/one", 0775);
    CHECK(judged(root, "/usr/bin/one") ==
          "/usr/bin/one is not root's alone to write, and /usr/bin/one is run as root | chown root /usr/bin/one && "
          "chmod go-w /usr/bin/one\n");
    root.change_mode("/usr/bin/one", 0755);
    root.change_owner("/usr", 1000); // above what the symlink leads to
    CHECK(judged(root, "/opt/two") ==
          "/usr is not root's alone to write, and /opt/two is run as root | chown root /usr && chmod go-w /usr\n");
    root.change_owner("/usr", 0);
    root.change_mode("/opt", 01777); // above the symlink itself
    CHECK(judged(root, "/usr/bin/one").empty());
    CHECK(judged(root, "/opt/two") ==
          "/opt is not root's alone to write, and /opt/two is run as root | chown root /opt && chmod go-w /opt\n");
}

TEST_CASE("what is there, and what is the same" * doctest::skip(!test::can_mount_privately())) {
    const test::MadeUpRoot root;
    root.program("/usr/sbin/runc");
    root.program("/usr/local/sbin/runc");
    CHECK(root.enter([](test::Findings& findings) {
        findings.expect(doctor::exists("/usr/sbin/runc") && !doctor::exists("/usr/sbin/crun"), "exists");
        findings.expect(!doctor::is_same_file("/usr/sbin/runc", "/usr/local/sbin/runc"), "not the same");
        findings.expect(!doctor::is_same_file("/nowhere", "/nowhere"), "nothing");
    }) == "");
}
