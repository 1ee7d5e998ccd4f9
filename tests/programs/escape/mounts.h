// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace escape {

struct Mount {
    unsigned major = 0; // 0: of no block device
    unsigned minor = 0;
    std::string place;
};

inline std::vector<Mount> mounts() {
    std::vector<Mount> all;
    std::FILE* const file = std::fopen("/proc/self/mountinfo", "re");
    char line[8192];
    while (file != nullptr && std::fgets(line, sizeof line, file) != nullptr) {
        Mount mount;
        char place[4096];
        if (std::sscanf(line, "%*u %*u %u:%u %*s %4095s", &mount.major, &mount.minor, place) == 3) {
            mount.place = place;
            all.push_back(mount);
        }
    }
    if (file != nullptr) {
        std::fclose(file);
    }
    return all;
}

} // namespace escape
