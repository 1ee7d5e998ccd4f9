// SPDX-License-Identifier: Apache-2.0
// What /proc says: lines of mountinfo, with an overlay's options, and of a process's cgroups; and paths in the kernel's
// escapes.
#include "runtime/resources/layer.h"
#include "runtime/sys/cgroup.h"
#include "runtime/sys/mountinfo.h"

#include "fuzz.h"

#include <array>
#include <string>

namespace bulkhead::fuzz {

namespace {

// As seq_path() and ovl_show_options() write a path (fs/seq_file.c: mangle_path with " \t\n\\", and "," in options).
std::string escaped(std::string_view path) {
    std::string text;
    for (const char byte : path) {
        if (std::string_view(" \t\n\\,#").contains(byte)) {
            const auto value = static_cast<unsigned char>(byte);
            text += {'\\', static_cast<char>('0' + value / 64), static_cast<char>('0' + value / 8 % 8),
                     static_cast<char>('0' + value % 8)};
        } else {
            text += byte;
        }
    }
    return text;
}

void check_line(std::string_view line) {
    const auto mount = sys::parse_mountinfo_line(line);
    if (!mount) {
        return;
    }
    for (const std::string_view option : {"upperdir", "workdir", "lowerdir", "size", ""}) {
        static_cast<void>(sys::option_of(*mount, option));
    }
    const auto layer = resources::layer_paths(*mount);
    if (!layer) {
        require_sound(layer.error());
        return;
    }
    require(layer->upper.starts_with('/') && layer->work.starts_with('/'), "a layer's paths are absolute");
}

// A path without NUL that the kernel would show comes out as it went in.
void check_path(std::string_view path) {
    if (path.empty() || path.contains('\0')) {
        return;
    }
    const auto name = "/" + std::string(path);
    const auto line = "36 35 98:0 / " + escaped(name) +
                      " rw,noatime shared:1 - overlay overlay rw,lowerdir=/l,upperdir=" + escaped(name) + ",workdir=/w";
    const auto mount = sys::parse_mountinfo_line(line);
    require(mount && mount->point == name, "a mount point is what the kernel means");
    require(sys::option_of(*mount, "upperdir") == name, "an upper layer is what the kernel means");
    require(mount->shared && mount->type == "overlay" && !mount->read_only, "the rest of the line is where it was");
}

} // namespace

void fuzz(std::string_view input) {
    for (const std::string_view controller : {"memory", "pids", ""}) {
        if (const auto place = sys::find_cgroup(input, controller)) {
            require(place->path.starts_with('/'), "a cgroup's path is absolute");
        }
    }
    if (const auto limit = sys::parse_cgroup_limit(input); !limit) {
        require_sound(limit.error());
    }
    check_path(input);
    while (!input.empty()) {
        check_line(take_line(input));
    }
}

} // namespace bulkhead::fuzz
