// SPDX-License-Identifier: Apache-2.0
#include "runtime/policy/config_file.h"

#include "runtime/policy/config_parts.h"
#include "runtime/policy/config_tree.h"
#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"
#include "runtime/sys/path.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sys/stat.h>

namespace bulkhead::policy {

namespace {

constexpr std::size_t longest_config = 1UL << 20U;

// Who may write a file or directory of the config: nobody but root.
Result<void> require_roots_alone(BorrowedFd file) {
    constexpr mode_t writable_by_others = S_IWGRP | S_IWOTH;
    TRY_ASSIGN(const auto status, sys::status_of(file));
    return status.owner == 0 && (status.mode & writable_by_others) == 0
               ? Result<void>{}
               : fail(Code::bad_config, "is not root's alone to write; chown root and chmod go-w it");
}

// Reads the files of a config, and keeps what is wrong with them.
class ConfigFiles {
public:
    ConfigFiles(ConfigReading& reading, Untrusted untrusted) : reading_(reading), untrusted_(untrusted) {}

    // The main file, then the drop-ins.
    ConfigTree read(const std::string& path) {
        ConfigTree tree;
        merge(path, tree);
        const auto directory = path + ".d/";
        for (const auto& name : drop_ins(path + ".d")) {
            merge(std::string(directory).append(name), tree);
        }
        return tree;
    }

private:
    // Once: a directory may lie above several of the files.
    void problem(const std::string& file, std::string reason) {
        ConfigProblem problem{.file = file, .path = "", .reason = std::move(reason)};
        if (std::ranges::find(reading_.problems, problem) == reading_.problems.end()) {
            reading_.problems.push_back(std::move(problem));
        }
    }

    // nullopt where it is not there, or cannot be had: that is a problem.
    std::optional<UniqueFd> open(const std::string& path, int flags) {
        auto file = sys::open_without_symlinks(path, flags | O_NONBLOCK | O_NOCTTY);
        if (file) {
            return *std::move(file);
        }
        if (file.error().number == ELOOP) {
            problem(path, "is a symlink, or lies behind one; put the file itself there");
        } else if (file.error().number != ENOENT) {
            problem(path, file.error().what);
        }
        return std::nullopt;
    }

    void merge(const std::string& path, ConfigTree& tree) {
        const auto file = open(path, O_RDONLY);
        if (!file) {
            return;
        }
        reading_.files.push_back(path);
        if (!is_of_type(file->borrow(), path, S_IFREG) || !is_trusted(file->borrow(), path)) {
            return;
        }
        const auto text = sys::read_all(file->borrow(), longest_config);
        auto patch = text ? ConfigTree::parse(*text, path) : std::unexpected(text.error());
        if (patch) {
            tree.merge(*std::move(patch));
        } else {
            problem(path, patch.error().what);
        }
    }

    // A dot file is an editor's.
    std::vector<std::string> drop_ins(const std::string& directory) {
        const auto opened = open(directory, O_RDONLY | O_DIRECTORY);
        if (!opened || !is_trusted(opened->borrow(), directory)) {
            return {};
        }
        auto names = sys::list_directory(opened->borrow());
        if (!names) {
            problem(directory, names.error().what);
            return {};
        }
        std::erase_if(*names,
                      [](const std::string& name) { return name.starts_with('.') || !name.ends_with(".json"); });
        std::ranges::sort(*names);
        return *std::move(names);
    }

    bool is_of_type(BorrowedFd file, const std::string& path, mode_t type) {
        const auto status = sys::status_of(file);
        if (!status || (status->mode & S_IFMT) != type) {
            problem(path, status ? "is not a regular file" : status.error().what);
            return false;
        }
        return true;
    }

    // Whether it may be read: it is root's alone to write, and so is every directory above it.
    bool is_trusted(BorrowedFd file, std::string path) {
        auto alone = require_roots_alone(file);
        while (alone && path.size() > 1) {
            path.erase(std::max<std::size_t>(path.rfind('/'), 1));
            const auto directory = sys::open_at(sys::working_directory, path, O_PATH | O_DIRECTORY);
            alone = directory ? require_roots_alone(directory->borrow()) : std::unexpected(directory.error());
        }
        if (!alone) {
            problem(path, alone.error().what);
        }
        return alone || untrusted_ == Untrusted::read_on;
    }

    ConfigReading& reading_;
    Untrusted untrusted_;
};

} // namespace

ConfigReading read_config(const std::string& path, Untrusted untrusted) {
    ConfigReading reading;
    const auto tree = ConfigFiles(reading, untrusted).read(path);
    ConfigReader reader;
    reading.config = read_tree(reader, tree);
    std::ranges::move(reader.problems(), std::back_inserter(reading.problems));
    return reading;
}

Result<Config> ConfigReading::sound() && {
    if (problems.empty()) {
        return std::move(config);
    }
    auto error = problems.front().error();
    if (problems.size() > 1) {
        error.what += " (and " + std::to_string(problems.size() - 1) + " more: see bulkhead check-config)";
    }
    return std::unexpected(std::move(error));
}

} // namespace bulkhead::policy
