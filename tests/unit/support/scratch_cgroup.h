// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/sys/cgroup.h"
#include "support/temporary_directory.h"

#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::test {

// A cgroup of the test's own below the one it runs in, in the hierarchy of `controller`.
class ScratchCgroup {
public:
    explicit ScratchCgroup(const std::string& controller) {
        auto ours = sys::find_cgroup(read_file("/proc/self/cgroup"), controller);
        if (!ours) {
            return;
        }
        place_ = *ours;
        place_.path = (ours->path == "/" ? "" : ours->path) + "/bulkhead-unit-" + std::to_string(::getpid());
        directory_ = hierarchy() + place_.path;
        made_ = ::mkdir(directory_.c_str(), 0755) == 0;
    }
    // One below another, which may hold no process then.
    ScratchCgroup(const ScratchCgroup& parent, const std::string& name)
        : place_(parent.place("/" + name)), directory_(parent.directory_ + "/" + name) {
        parent.write("cgroup.subtree_control", "+" + place_.controller); // v1 needs no such thing
        made_ = ::mkdir(directory_.c_str(), 0755) == 0;
    }
    ScratchCgroup(const ScratchCgroup&) = delete;
    ScratchCgroup& operator=(const ScratchCgroup&) = delete;
    ~ScratchCgroup() { remove(); }

    // Whether such a cgroup can be made here, with the files of `controller` in it, and a process put into it.
    [[nodiscard]] static bool possible(const std::string& controller) {
        if (::geteuid() != 0) {
            return false;
        }
        const ScratchCgroup probe(controller);
        const std::string memory_file = probe.v1() ? "memory.limit_in_bytes" : "memory.max";
        return probe.made_ && probe.has(controller == "memory" ? memory_file : "pids.max");
    }
    [[nodiscard]] static bool possible_on_v1(const std::string& controller) {
        return possible(controller) && ScratchCgroup(controller).v1();
    }

    [[nodiscard]] bool v1() const { return place_.version == sys::CgroupVersion::v1; }
    [[nodiscard]] const sys::CgroupPlace& place() const { return place_; }
    [[nodiscard]] sys::CgroupPlace place(const std::string& below) const {
        return {place_.version, place_.controller, place_.path + below};
    }
    [[nodiscard]] ino_t inode() const {
        struct stat status{};
        return ::stat(directory_.c_str(), &status) == 0 ? status.st_ino : 0;
    }
    [[nodiscard]] bool take(pid_t pid) const { return write("cgroup.procs", std::to_string(pid)); }
    bool write(const std::string& file, const std::string& value) const {
        try {
            write_file(directory_ + "/" + file, value);
        } catch (const std::exception&) {
            return false;
        }
        return true;
    }
    [[nodiscard]] std::string read(const std::string& file) const {
        auto text = read_file(directory_ + "/" + file);
        return text.substr(0, text.find_last_not_of('\n') + 1);
    }
    [[nodiscard]] bool has(const std::string& file) const { return std::filesystem::exists(directory_ + "/" + file); }
    void remove() {
        // A process that was killed leaves its cgroup a moment after it was waited for.
        for (int tries = 0; made_ && tries < 200; ++tries) {
            made_ = ::rmdir(directory_.c_str()) != 0;
            ::usleep(made_ ? 5000 : 0);
        }
    }

private:
    [[nodiscard]] std::string hierarchy() const {
        const std::string base = "/sys/fs/cgroup";
        if (v1()) {
            return base + "/" + place_.controller;
        }
        return std::filesystem::exists(base + "/cgroup.controllers") ? base : base + "/unified";
    }

    sys::CgroupPlace place_;
    std::string directory_;
    bool made_ = false;
};

} // namespace bulkhead::test
