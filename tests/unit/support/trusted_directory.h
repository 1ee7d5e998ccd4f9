// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/temporary_directory.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/stat.h>

namespace bulkhead::test {

// A folder for node configs: nobody but root can write to it or to those above it. Removed with the object.
class TrustedDirectory {
public:
    TrustedDirectory() {
        std::filesystem::create_directories("/run/bulkhead-tests");
        path_ = "/run/bulkhead-tests/config-XXXXXX";
        if (::mkdtemp(path_.data()) == nullptr || ::chmod(path_.c_str(), 0755) != 0) {
            throw std::runtime_error("no folder in /run");
        }
    }
    TrustedDirectory(const TrustedDirectory&) = delete;
    TrustedDirectory& operator=(const TrustedDirectory&) = delete;
    ~TrustedDirectory() { std::filesystem::remove_all(path_); }

    [[nodiscard]] std::string path(const std::string& name = "") const {
        return name.empty() ? path_ : path_ + "/" + name;
    }
    // Its folders, too.
    void write(const std::string& name, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
        write_file(path(name), text);
        if (::chmod(path(name).c_str(), 0644) != 0) {
            throw std::runtime_error("chmod " + path(name));
        }
    }

private:
    std::string path_;
};

} // namespace bulkhead::test
