// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec.h"

#include "runtime/oci/annotation.h"
#include "runtime/oci/capability.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/json.h"
#include "runtime/sys/file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sys/stat.h>

namespace bulkhead::oci {

namespace {

constexpr std::size_t longest_config = 4UL << 20U;

Result<std::string> read_root(const JsonObject& config, std::string_view bundle) {
    const auto root = config.find("root");
    if (!root) {
        return fail(Code::malformed_input, "root is missing");
    }
    TRY_ASSIGN(const auto object, root->object());
    TRY_ASSIGN(auto path, object.required_string("path"));
    if (path.empty()) {
        return fail(Code::malformed_input, "root.path is empty");
    }
    return path.starts_with('/') ? path : std::string(bundle).append("/").append(path);
}

Result<std::vector<Annotation>> read_annotations(const JsonObject& config) {
    std::vector<Annotation> annotations;
    const auto value = config.find("annotations");
    if (!value) {
        return annotations;
    }
    TRY_ASSIGN(const auto object, value->object());
    for (const auto& member : object.members()) {
        if (member.key.starts_with(our_prefix) || is_engine_key(member.key)) {
            TRY_ASSIGN(auto text, object.value_of(member).string());
            annotations.push_back({.key = std::string(member.key), .value = std::move(text)});
        }
    }
    return annotations;
}

// "/dev/shm", "dev/shm/" and "//dev/./shm" are one place; "" is the root itself. ".." cannot leave the root.
std::string normal(std::string_view path) {
    auto place = std::filesystem::path("/" + std::string(path)).lexically_normal().string();
    const auto begin = place.find_first_not_of('/');
    const auto end = place.find_last_not_of('/');
    return begin == std::string::npos ? "" : "/" + place.substr(begin, end - begin + 1);
}

Result<std::string> optional_string(const JsonObject& object, std::string_view key) {
    const auto value = object.find(key);
    return value ? value->string() : Result<std::string>("");
}

// runc and crun ignore the type of a mount with "bind" or "rbind".
Result<void> read_options(const JsonObject& object, MountEntry& mount) {
    constexpr std::string_view size = "size=";
    const auto value = object.find("options");
    if (!value) {
        return {};
    }
    TRY_ASSIGN(const auto options, value->array());
    for (const auto& element : options) {
        TRY_ASSIGN(const auto option, element.string());
        mount.bind = mount.bind || option == "bind" || option == "rbind";
        if (option.starts_with(size)) {
            mount.size = option.substr(size.size());
        }
    }
    return {};
}

// Mounts are made in order: the last one on a place counts, and one on /dev or / covers what was on /dev/shm before.
void take_mount(Spec& spec, std::string_view place, SpecMount mount) {
    if (place == "/dev/shm") {
        spec.dev_shm = std::move(mount);
    } else if (place == "/dev" || place.empty()) {
        if (spec.dev_shm.kind != MountKind::none) {
            spec.dev_shm = mount;
        }
        spec.dev = std::move(mount);
    }
}

Result<void> read_mounts(const JsonObject& config, Spec& spec) {
    const auto mounts = config.find("mounts");
    if (!mounts) {
        return {};
    }
    TRY_ASSIGN(const auto list, mounts->array());
    for (const auto& element : list) {
        TRY_ASSIGN(auto mount, read_mount(element));
        if (mount.bind) {
            spec.binds.push_back(mount.source);
        }
        const bool tmpfs = mount.kind == MountKind::tmpfs;
        take_mount(spec, mount.place,
                   SpecMount{.kind = mount.kind,
                             .source = tmpfs ? "" : std::move(mount.source),
                             .size = tmpfs ? std::move(mount.size) : ""});
    }
    return {};
}

Result<IpcNamespace> read_ipc(const JsonObject& linux) {
    const auto namespaces = linux.find("namespaces");
    if (!namespaces) {
        return IpcNamespace::host;
    }
    TRY_ASSIGN(const auto list, namespaces->array());
    for (const auto& element : list) {
        TRY_ASSIGN(const auto entry, element.object());
        TRY_ASSIGN(const auto type, entry.required_string("type"));
        if (type == "ipc") {
            TRY_ASSIGN(const auto path, optional_string(entry, "path"));
            return path.empty() ? IpcNamespace::own : IpcNamespace::joined;
        }
    }
    return IpcNamespace::host;
}

Result<void> read_linux(const JsonObject& config, Spec& spec) {
    const auto value = config.find("linux");
    if (!value) {
        return {};
    }
    TRY_ASSIGN(const auto linux, value->object());
    TRY_ASSIGN(spec.ipc, read_ipc(linux));
    TRY_ASSIGN(spec.cgroups_path, optional_string(linux, "cgroupsPath"));
    TRY_ASSIGN(spec.mount_label, optional_string(linux, "mountLabel"));
    return {};
}

// Without capabilities in config.json runc and crun drop them all.
Result<void> read_capabilities(const JsonObject& config, Spec& spec) {
    const auto process = config.find("process");
    if (!process) {
        return {};
    }
    TRY_ASSIGN(const auto object, process->object());
    const auto capabilities = object.find("capabilities");
    if (!capabilities) {
        return {};
    }
    TRY_ASSIGN(const auto sets, capabilities->object());
    const auto bounding = sets.find("bounding");
    if (!bounding) {
        return {};
    }
    TRY_ASSIGN(const auto names, bounding->array());
    for (const auto& element : names) {
        TRY_ASSIGN(const auto name, element.string());
        spec.may_have_sys_admin = spec.may_have_sys_admin || is_capability(name, "SYS_ADMIN");
    }
    return {};
}

} // namespace

Result<MountEntry> read_mount(const JsonValue& entry) {
    TRY_ASSIGN(const auto object, entry.object());
    MountEntry mount;
    TRY_ASSIGN(const auto destination, object.required_string("destination"));
    mount.place = normal(destination);
    TRY_ASSIGN(const auto type, optional_string(object, "type"));
    TRY_ASSIGN(mount.source, optional_string(object, "source"));
    TRY(read_options(object, mount));
    mount.kind = type == "tmpfs" && !mount.bind ? MountKind::tmpfs : MountKind::foreign;
    return mount;
}

Result<Spec> parse_spec(std::string_view text, std::string_view bundle) {
    TRY_ASSIGN(const auto config, JsonObject::parse(text, ""));
    Spec spec;
    TRY_ASSIGN(spec.root, read_root(config, bundle));
    TRY_ASSIGN(spec.annotations, read_annotations(config));
    TRY(read_mounts(config, spec));
    TRY(read_linux(config, spec));
    TRY(read_capabilities(config, spec));
    return spec;
}

Result<std::string> read_config(const std::string& path) {
    auto file = sys::open_at(sys::working_directory, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) {
        const bool missing = file.error().number == ENOENT || file.error().number == ENOTDIR;
        return missing ? fail(Code::malformed_input, path + " is not there; the state's bundle is wrong")
                       : std::unexpected(std::move(file).error());
    }
    TRY_ASSIGN(const auto status, sys::status_of(file->borrow()));
    if (!S_ISREG(status.mode)) {
        return fail(Code::malformed_input, path + " is not a regular file");
    }
    return in_context(path, sys::read_all(file->borrow(), longest_config, status.size));
}

Result<Spec> read_spec(const std::string& bundle) {
    const auto path = bundle + "/config.json";
    TRY_ASSIGN(const auto text, read_config(path));
    return in_context(path, parse_spec(text, bundle));
}

} // namespace bulkhead::oci
