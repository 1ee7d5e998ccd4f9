// SPDX-License-Identifier: Apache-2.0
#include "runtime/shim/real_runtime.h"

#include "support/failing_call.h"
#include "support/temporary_directory.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <vector>

using namespace bulkhead;
using shim::find_real_runtime;
using test::TemporaryDirectory;

namespace fs = std::filesystem;

namespace {

void add_program(const TemporaryDirectory& directory, std::string_view name, mode_t mode = 0755) {
    directory.write(name, "#!/bin/sh\n");
    REQUIRE(::chmod(directory.path(name).c_str(), mode) == 0);
}

// "PATH NAME", or the error.
std::string found(const std::string& called_as, const std::vector<std::string>& configured, const std::string& path) {
    const auto runtime = find_real_runtime(called_as, configured, path.c_str());
    if (!runtime) {
        CHECK(runtime.error().code == Code::unsupported);
        return runtime.error().what;
    }
    return runtime->path + " " + runtime->name;
}

const std::string called = "/usr/bin/bulkhead-runtime";
const std::string mend = "; install it, or name it in runtime.path of the node config";

} // namespace

TEST_CASE("the first of the configured ones that is there") {
    const TemporaryDirectory one;
    const TemporaryDirectory two;
    add_program(one, "crun");
    add_program(two, "crun");
    add_program(two, "runc");
    add_program(two, "krun");
    const auto path = one.path() + ":" + two.path();
    CHECK(found(called, {"runc", "crun"}, path) == two.path("runc") + " runc");
    CHECK(found(called, {"crun", "runc"}, path) == one.path("crun") + " crun");
    CHECK(found(called, {"youki", "crun"}, path) == one.path("crun") + " crun");
    CHECK(found(called, {two.path("crun"), "runc"}, path) == two.path("crun") + " " + two.path("crun"));
    CHECK(found(called, {one.path("gone"), "runc"}, path) == two.path("runc") + " runc");
    // crun runs what it is called by.
    CHECK(found(called, {"krun"}, path) == two.path("krun") + " krun");
    CHECK(found("", {"crun"}, path) == one.path("crun") + " crun");
}

TEST_CASE("the one that the shim is called as") {
    const TemporaryDirectory one;
    const TemporaryDirectory two;
    add_program(one, "runc");
    add_program(one, "crun");
    add_program(two, "runc");
    add_program(two, "crun.real");
    for (const std::string name : {"crun", "/usr/libexec/bulkhead/crun", "./crun"}) {
        CHECK(found(name, {"runc", "crun"}, one.path()) == one.path("crun") + " " + name);
        CHECK(found(name, {"runc"}, one.path()) == one.path("crun") + " " + name);
        CHECK(found(name, {}, one.path()) == one.path("crun") + " " + name);
        CHECK(found(name, {"runc"}, two.path()) ==
              "no runtime to become: looked for \"crun\" in \"" + two.path() + "\"" + mend);
    }
    // Its place is configured.
    CHECK(found("runc", {"crun", two.path("runc")}, one.path()) == two.path("runc") + " runc");
    CHECK(found("runc", {two.path("gone/runc")}, one.path()) == one.path("runc") + " runc");
    // A name that only looks like one.
    CHECK(found("xrunc", {"crun"}, one.path()) == one.path("crun") + " crun");
    CHECK(found("runc/", {"crun"}, one.path()) == one.path("crun") + " crun");
}

TEST_CASE("never itself, by whatever name") {
    const auto self = fs::read_symlink("/proc/self/exe");
    const TemporaryDirectory links;
    const TemporaryDirectory real;
    const auto beside = self.string() + ".unit-hard-link";
    fs::remove(beside);
    fs::create_hard_link(self, beside); // a hard link needs the same file system
    fs::create_symlink(self, links.path("runc"));
    fs::create_symlink(beside, links.path("crun"));
    add_program(real, "runc");
    const auto path = links.path() + ":" + real.path();
    CHECK(found("runc", {}, path) == real.path("runc") + " runc");
    CHECK(found(called, {self, beside, "crun", "runc"}, path) == real.path("runc") + " runc");
    CHECK(found("crun", {"crun"}, path) == "no runtime to become: looked for \"crun\" in " + in_quotes(path) + mend);
    fs::remove(beside);
}

TEST_CASE("what is no program is passed over") {
    const TemporaryDirectory one;
    const TemporaryDirectory two;
    fs::create_directory(one.path("directory"));
    add_program(one, "plain", 0644);
    fs::create_symlink("gone", one.path("dangling"));
    fs::create_symlink("loop", one.path("loop"));
    REQUIRE(::mkfifo(one.path("fifo").c_str(), 0755) == 0);
    for (const std::string name : {"directory", "plain", "dangling", "loop", "fifo"}) {
        CAPTURE(name);
        CHECK(found(called, {name}, one.path()).starts_with("no runtime"));
        add_program(two, name);
        CHECK(found(called, {name}, one.path() + ":" + two.path()) == two.path(name) + " " + name);
    }
    fs::create_symlink(two.path("plain"), one.path("good"));
    CHECK(found(called, {"good"}, one.path()) == one.path("good") + " good");
}

TEST_CASE("PATH: relative parts do not count, and without one the usual places are looked in") {
    const TemporaryDirectory directory;
    add_program(directory, "runc");
    const auto before = fs::current_path();
    fs::current_path(directory.path());
    for (const std::string path : {".", ":", "::", "bin:.", "./", ":.:"}) {
        CAPTURE(path);
        CHECK(found(called, {"runc"}, path).starts_with("no runtime"));
        CHECK(found(called, {"runc"}, path + ":" + directory.path()) == directory.path("runc") + " runc");
    }
    fs::current_path(before);
    CHECK(found(called, {"runc"}, directory.path() + "/:") == directory.path() + "//runc runc");
    for (const char* const path : {static_cast<const char*>(nullptr), ""}) {
        const auto runtime = find_real_runtime(called, {"no-such-runtime", "sh"}, path);
        REQUIRE(runtime);
        CHECK((runtime->path == "/usr/bin/sh" || runtime->path == "/bin/sh"));
        CHECK(find_real_runtime(called, {"no-such-runtime"}, path).error().what ==
              "no runtime to become: looked for \"no-such-runtime\" in " +
                  in_quotes("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") + mend);
    }
}

TEST_CASE("without /proc nothing is said about who we are") {
    const test::FailingCall failing(SYS_newfstatat, ENOENT, 0, 1);
    const auto runtime = find_real_runtime(called, {"sh"}, nullptr);
    REQUIRE(!runtime);
    CHECK(runtime.error().code == Code::system);
    CHECK(runtime.error().what == "stat /proc/self/exe: No such file or directory");
}
