// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/config_text.h"

#include "runtime/sys/file.h"
#include "runtime/sys/listing.h"

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::engines {

Result<std::optional<std::string>> read_text(const std::string& path) {
    const auto file = sys::open_at(sys::working_directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) {
        return file.error().number == ENOENT || file.error().number == ENOTDIR
                   ? Result<std::optional<std::string>>(std::nullopt)
                   : std::unexpected(file.error());
    }
    TRY_ASSIGN(const auto status, sys::status_of(file->borrow()));
    if (!S_ISREG(status.mode)) {
        return fail(Code::bad_config, "is not a regular file");
    }
    return sys::read_all(file->borrow(), longest_config_text);
}

Result<std::vector<std::string>> files_in(const std::string& directory,
                                          const std::function<bool(const std::string& name)>& belongs) {
    const auto opened = sys::open_at(sys::working_directory, directory, O_RDONLY | O_DIRECTORY);
    if (!opened) {
        return opened.error().number == ENOENT ? Result<std::vector<std::string>>() : std::unexpected(opened.error());
    }
    TRY_ASSIGN(auto names, sys::list_directory(opened->borrow()));
    std::erase_if(names, [&](const std::string& name) { return !belongs(name); });
    std::ranges::sort(names);
    for (auto& name : names) {
        name.insert(0, directory + "/");
    }
    return names;
}

void TomlFiles::read(const std::string& path) {
    const auto text = read_text(path);
    if (text && !*text) {
        return;
    }
    config_.files.push_back(path);
    auto content = text ? parse_toml(**text) : std::unexpected(text.error());
    if (content) {
        files_.push_back({.path = path, .content = *std::move(content)});
    } else {
        config_.problems.push_back({.file = path, .reason = content.error().what});
    }
}

void TomlFiles::read_all_in(const std::string& directory, std::string_view suffix) {
    const auto paths = files_in(directory, [&](const std::string& name) { return name.ends_with(suffix); });
    if (!paths) {
        config_.problems.push_back({.file = directory, .reason = paths.error().what});
        return;
    }
    for (const auto& path : *paths) {
        read(path);
    }
}

TomlFiles TomlFiles::without(const std::string& path) const {
    auto others = *this;
    std::erase_if(others.files_, [&](const TomlFile& file) { return file.path == path; });
    return others;
}

Toml TomlFiles::merged(const MergeRules& rules) const {
    Toml merged;
    for (const auto& file : files_) {
        merge(merged, file.content, rules);
    }
    return merged;
}

std::string TomlFiles::last_with(const TomlPath& path) const {
    std::string last;
    for (const auto& file : files_) {
        if (file.content.find(path) != nullptr) {
            last = file.path;
        }
    }
    return last;
}

std::string containers_storage() {
    EngineConfig unused;
    TomlFiles files(unused);
    files.read("/usr/share/containers/storage.conf");
    files.read("/etc/containers/storage.conf");
    const auto root = files.merged({}).string_at({"storage", "graphroot"});
    return root.empty() ? "/var/lib/containers/storage" : root;
}

Runtime& add_built_in(EngineConfig& config, const std::string& name, std::vector<std::string> paths) {
    auto& runtime = config.runtimes.emplace_back();
    runtime.name = name;
    runtime.paths = std::move(paths);
    return runtime;
}

void add_runtimes(EngineConfig& config, const Toml& merged, const TomlFiles& files, const TomlPath& path,
                  const std::function<void(Runtime& runtime, const Toml& table)>& fill_in) {
    const auto* const table = merged.find(path);
    if (table == nullptr) {
        return;
    }
    for (const auto& [name, value, place] : table->members) {
        std::erase_if(config.runtimes, [&](const Runtime& built_in) { return built_in.name == name; });
        auto whole_path = path;
        whole_path.push_back(name);
        Runtime runtime;
        runtime.name = name;
        runtime.file = files.last_with(whole_path);
        fill_in(runtime, value);
        config.runtimes.push_back(std::move(runtime));
    }
    std::ranges::sort(config.runtimes, {}, &Runtime::name);
}

} // namespace bulkhead::engines
