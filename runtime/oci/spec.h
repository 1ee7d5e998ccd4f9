// SPDX-License-Identifier: Apache-2.0
// What the hook needs of a bundle's config.json (runtime-spec, config.md and config-linux.md).
#pragma once

#include "runtime/base/error.h"

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::oci {

struct Annotation {
    std::string key;
    std::string value;
};

// How config.json has a place mounted.
enum class MountKind {
    none,    // no mount of its own there
    tmpfs,   // a tmpfs that the runtime makes in the container's mount namespace: nobody else's
    foreign, // anything else: a bind of what the engine, or somebody, mounted on the host
};

struct SpecMount {
    MountKind kind = MountKind::none;
    std::string source;    // of a foreign one: its path on the host
    std::string size = {}; // NOLINT(readability-redundant-member-init): of a tmpfs, its option "size=", as written
};

class JsonValue;

// One entry of `mounts`.
struct MountEntry {
    std::string place; // where in the container, however it is written: "/dev/shm"; "" is the root itself
    MountKind kind = MountKind::foreign;
    bool bind = false; // by its options: then its type does not count
    std::string source;
    std::string size; // its option "size=", as written
};

[[nodiscard]] Result<MountEntry> read_mount(const JsonValue& entry);

enum class IpcNamespace {
    host,   // none in the list
    own,    // made for this container
    joined, // another container's, by path: a pod
};

struct Spec {
    std::string root;                    // absolute path of the root file system, in the runtime's mount namespace
    std::vector<Annotation> annotations; // ours and the engines' (engine.h), sorted by key; no others
    std::string cgroups_path;            // linux.cgroupsPath, empty where it is left out
    SpecMount dev;
    SpecMount dev_shm;
    IpcNamespace ipc = IpcNamespace::host;
    std::vector<std::string> binds;  // sources of all bind mounts, as written
    bool may_have_sys_admin = false; // CAP_SYS_ADMIN is in the bounding set, in whatever user namespace
    std::string mount_label;         // linux.mountLabel: SELinux's, empty where there is none
};

// `bundle` is absolute: root.path may be relative to it. Code::malformed_input.
[[nodiscard]] Result<Spec> parse_spec(std::string_view text, std::string_view bundle);

// The text of a config.json, which must be a regular file of at most 4 MiB; symlinks are followed.
[[nodiscard]] Result<std::string> read_config(const std::string& path);

// The same of BUNDLE/config.json, parsed.
[[nodiscard]] Result<Spec> read_spec(const std::string& bundle);

} // namespace bulkhead::oci
