// SPDX-License-Identifier: Apache-2.0
// A made-up node on which all is well, and what `doctor` finds on it when it is not.
#pragma once

#include "runtime/doctor/doctor.h"
#include "support/child.h"
#include "support/made_up_root.h"

#include <string>
#include <sys/prctl.h>

namespace bulkhead::test {

inline const std::string hook = "/usr/libexec/oci/hooks.d/bulkhead-hook";
inline const std::string hooks_d = "/usr/share/containers/oci/hooks.d/";
inline const std::string containers_conf = "/etc/containers/containers.conf";

// As the packages and `bulkhead configure podman --default` leave it.
inline void install(const MadeUpRoot& root) {
    for (const auto* const directory : {"/run/bulkhead", "/var/lib/bulkhead"}) {
        std::filesystem::create_directories(root.path(directory));
        root.change_mode(directory, 0700);
    }
    root.program(hook);
    root.program("/usr/bin/bulkhead-runtime");
    root.link("/usr/libexec/bulkhead/crun", "/usr/bin/bulkhead-runtime");
    root.link("/usr/libexec/bulkhead/runc", "/usr/bin/bulkhead-runtime");
    root.program("/usr/bin/crun");
    root.program("/usr/bin/podman");
    root.write(hooks_d + "50-bulkhead.json", test::read_file(BULKHEAD_HOOKS_D "/50-bulkhead.json"));
    root.write(containers_conf, R"([engine]
runtime = "crun"
[engine.runtimes]
crun = ["/usr/libexec/bulkhead/crun", "/usr/bin/crun"]
)");
}

// All that is not well, a line each. What the machine that the test runs on is like is left out. `daemon`: the name of
// a process that runs meanwhile.
inline std::string examined(const MadeUpRoot& root, const doctor::Question& question = {},
                            const std::string& daemon = "idle") {
    return root.enter([&](Findings& findings) {
        const IdleProcess process([&] { return ::prctl(PR_SET_NAME, daemon.c_str()) == 0; });
        for (const auto& [id, engine, looked, finding] : doctor::examine(question)) {
            const bool is_machines = id == "node.cgroups" || id == "node.lsm" || id == "node.gc-timer" ||
                                     id == "node.seccomp" || id.ends_with(".storage");
            if (finding.verdict != doctor::Verdict::ok && !is_machines) {
                findings.add(id + " " + std::string(name_of(finding.verdict)) + ": " + finding.reason);
            }
        }
    });
}

} // namespace bulkhead::test
