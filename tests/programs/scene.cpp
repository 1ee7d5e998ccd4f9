// SPDX-License-Identifier: Apache-2.0
//
// What tests/campaign needs around each run of a hook, done by one process: a run takes a second in User-Mode Linux
// where each mount, each mkdir is a program of its own.
//
//   scene [DISK]      DISK is a file system with project quotas; it has the directories `lower` and `layer/merged`
//
// takes commands from standard input, one a line. What it answers ends with an empty line; where something cannot be
// done it ends.
//
//   layer             an overlay on DISK/layer/merged, with an upper directory that nobody has labelled
//   no-layer          it is gone, with all that was in it
//   empty DIRECTORY...   nothing is in them
//   start ROOT CGROUP...   a process in these cgroups, which are made, with mounts of its own and a tmpfs on
//                     ROOT/dev/shm. Answers its number
//   kill              it dies
//   stop              the same, and its cgroups are gone
//   quotas            "ID KIB INODES USED" of each project that has a limit, or inodes: hard limits, and inodes in use
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <linux/dqblk_xfs.h>
#include <linux/quota.h>
#include <sched.h>
#include <sstream>
#include <string>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

constexpr std::uint32_t no_project = 0;

[[noreturn]] void die(const std::string& what) {
    std::perror(("scene: " + what).c_str());
    ::_exit(2);
}

void require(bool done, const std::string& what) {
    if (!done) {
        die(what);
    }
}

class Scene {
public:
    explicit Scene(std::string disk) : disk_(std::move(disk)) {}

    void obey(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "layer") {
            remove_layer();
            make_layer();
        } else if (command == "no-layer") {
            remove_layer();
        } else if (command == "empty") {
            empty(words);
        } else if (command == "start") {
            start(words);
        } else if (command == "kill" || command == "stop") {
            kill();
            if (command == "stop") {
                remove_cgroups();
            }
        } else if (command == "quotas") {
            tell_quotas();
        } else {
            errno = EINVAL;
            die(line);
        }
        std::cout << std::endl;
    }

private:
    void make_layer() const {
        for (const auto* name : {"/upper", "/work"}) {
            require(::mkdir((layer() + name).c_str(), S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH) == 0, name);
        }
        const auto options = "lowerdir=" + disk_ + "/lower,upperdir=" + layer() + "/upper,workdir=" + layer() + "/work";
        require(::mount("overlay", merged().c_str(), "overlay", 0, options.c_str()) == 0, options);
    }

    void remove_layer() const {
        while (::umount2(merged().c_str(), MNT_DETACH) == 0) {
        }
        require(errno == EINVAL, merged());
        for (const auto* name : {"/upper", "/work"}) {
            std::filesystem::remove_all(layer() + name);
        }
    }

    static void empty(std::istringstream& words) {
        for (std::string directory; words >> directory;) {
            for (const auto& entry : std::filesystem::directory_iterator(directory)) {
                std::filesystem::remove_all(entry);
            }
        }
    }

    void start(std::istringstream& words) {
        std::string root;
        words >> root;
        for (std::string cgroup; words >> cgroup;) {
            require(::mkdir(cgroup.c_str(), S_IRWXU) == 0 || errno == EEXIST, cgroup);
            cgroups_.push_back(cgroup);
        }
        int ready[2];
        require(::pipe2(ready, O_CLOEXEC) == 0, "pipe");
        container_ = ::fork();
        require(container_ >= 0, "fork");
        if (container_ == 0) {
            live(root + "/dev/shm", ready[1]);
        }
        ::close(ready[1]);
        char byte = 0;
        require(::read(ready[0], &byte, 1) == 1, "the container");
        ::close(ready[0]);
        std::cout << container_ << '\n';
    }

    [[noreturn]] void live(const std::string& shm, int ready) const {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (const auto& cgroup : cgroups_) {
            std::ofstream(cgroup + "/cgroup.procs") << ::getpid() << std::flush;
        }
        require(::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    ::mount("shm", shm.c_str(), "tmpfs", 0, "size=64m") == 0,
                shm);
        ::close(STDIN_FILENO);
        ::close(STDOUT_FILENO);
        require(::write(ready, "", 1) == 1, "ready");
        for (;;) {
            ::pause();
        }
    }

    void kill() {
        if (container_ > 0) {
            ::kill(container_, SIGKILL);
            ::waitpid(container_, nullptr, 0);
        }
        container_ = 0;
    }

    void remove_cgroups() {
        for (const auto& cgroup : cgroups_) {
            for (int tries_left = 100; ::rmdir(cgroup.c_str()) != 0 && errno != ENOENT; --tries_left) {
                require(tries_left > 0, cgroup);
                ::usleep(10000); // a process leaves its cgroup a moment after it was fetched
            }
        }
        cgroups_.clear();
    }

    void tell_quotas() const {
        const int file = ::open(disk_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        require(file >= 0, disk_);
        fs_disk_quota quota{};
        for (std::uint32_t id = no_project + 1;
             ::syscall(SYS_quotactl_fd, file, QCMD(Q_XGETNEXTQUOTA, PRJQUOTA), id, &quota) == 0; id = quota.d_id + 1) {
            if (quota.d_blk_hardlimit != 0 || quota.d_ino_hardlimit != 0 || quota.d_icount != 0) {
                std::cout << quota.d_id << ' ' << quota.d_blk_hardlimit / 2 << ' ' << quota.d_ino_hardlimit << ' '
                          << quota.d_icount << '\n';
            }
        }
        require(errno == ENOENT || errno == ESRCH, "quotas");
        ::close(file);
    }

    // As engines have it: a directory of its own for each layer, in one that is the store's.
    [[nodiscard]] std::string layer() const { return disk_ + "/layer"; }
    [[nodiscard]] std::string merged() const { return layer() + "/merged"; }

    std::string disk_;
    std::vector<std::string> cgroups_;
    pid_t container_ = 0;
};

} // namespace

int main(int argc, char** argv) {
    Scene scene(argc > 1 ? argv[1] : "");
    for (std::string line; std::getline(std::cin, line);) {
        scene.obey(line);
    }
}
