// SPDX-License-Identifier: Apache-2.0
// A node as files lay it out: a directory that is the root of a child process. /proc in it is the real one.
#pragma once

#include "support/private_mounts.h"
#include "support/temporary_directory.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::test {

class MadeUpRoot {
public:
    MadeUpRoot() {
        std::filesystem::create_directory(directory_.path("proc"));
        std::filesystem::create_directory(directory_.path("dev"));
        change_mode("", 0755);
    }

    [[nodiscard]] std::string path(const std::string& in_it) const { return directory_.path() + in_it; }
    void write(const std::string& in_it, const std::string& text) const { directory_.write(in_it.substr(1), text); }
    void program(const std::string& in_it) const {
        write(in_it, "#!/bin/true\n");
        change_mode(in_it, 0755);
    }
    void link(const std::string& in_it, const std::string& target) const {
        std::filesystem::create_directories(std::filesystem::path(path(in_it)).parent_path());
        std::filesystem::remove(path(in_it));
        std::filesystem::create_symlink(target, path(in_it));
    }
    void remove(const std::string& in_it) const { std::filesystem::remove_all(path(in_it)); }
    void change_mode(const std::string& in_it, mode_t mode) const { CHECK(::chmod(path(in_it).c_str(), mode) == 0); }
    void change_owner(const std::string& in_it, uid_t user) const {
        CHECK(::lchown(path(in_it).c_str(), user, 0) == 0);
    }

    // Runs `body(Findings&)` in it; what it found.
    template <typename Body>
    [[nodiscard]] std::string enter(Body body) const {
        return in_private_mounts([&](Findings& findings) {
            findings.expect(::mount("/proc", path("/proc").c_str(), nullptr, MS_BIND | MS_REC, nullptr) == 0, "proc");
            findings.expect(::chroot(path("").c_str()) == 0 && ::chdir("/") == 0, "chroot");
            body(findings);
        });
    }

private:
    TemporaryDirectory directory_;
};

} // namespace bulkhead::test
