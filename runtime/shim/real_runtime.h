// SPDX-License-Identifier: Apache-2.0
// Which program the shim becomes.
//
// By path with execve(2), not by descriptor with execveat(2): a runtime that is a script (dockerd writes one for each
// runtime with runtimeArgs) cannot be run by a descriptor that is closed on exec, and its name in /proc/PID/comm would
// be the descriptor's number before Linux 6.14. What runc looks for in /proc/self/exe is the same either way.
#pragma once

#include "runtime/base/error.h"
#include "runtime/sys/file.h"

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::shim {

struct RealRuntime {
    std::string path; // absolute
    // What to call it, argv[0]. crun chooses what runs the container by it ("krun", "crun-wasm"), and runc calls its
    // init by it.
    std::string name;
};

// The first of `configured` (runtime.path of the node config: names, or absolute paths) that is a program. Where the
// shim is called as "runc" or "crun", that one: as it is in `configured`, else by name. Names are looked up in
// `search_path`, the value of PATH, or where that is null or empty in the usual places; its relative parts are passed
// over. Never this program itself, whatever it is linked as. Code::unsupported, with what was looked for.
[[nodiscard]] Result<RealRuntime>
find_real_runtime(std::string_view called_as, const std::vector<std::string>& configured, const char* search_path);

// The same, asked by another program: never the one that `shim` is of.
[[nodiscard]] Result<RealRuntime> find_real_runtime(std::string_view called_as,
                                                    const std::vector<std::string>& configured, const char* search_path,
                                                    const sys::FileStatus& shim);

} // namespace bulkhead::shim
