// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/node_checks.h"

#include "runtime/doctor/program.h"
#include "runtime/doctor/runtimes.h"
#include "runtime/doctor/words.h"
#include "runtime/ledger/disk_records.h"
#include "runtime/ledger/private_directory.h"
#include "runtime/shim/guard.h"
#include "runtime/shim/real_runtime.h"
#include "runtime/sys/file.h"
#include "runtime/sys/process.h"

#include <algorithm>
#include <cerrno>
#include <sys/stat.h>

namespace bulkhead::doctor {

namespace {

const std::string shim(engines::shim_path);

Finding judge_config(const Node& node) {
    if (node.reading.problems.empty()) {
        return well();
    }
    const auto sound = policy::ConfigReading(node.reading).sound();
    return failed(sound.error().what, "bulkhead check-config says all that is wrong; containers that it concerns are "
                                      "refused until it is mended");
}

std::string looked_at_config(const Node& node) {
    return node.reading.files.empty() ? "no " + node.question.config + ": built-in defaults"
                                      : listed(node.reading.files);
}

// What we believe when things are undone. `parts`: its directories.
Finding judge_directory(const std::string& path, const std::vector<std::string>& parts) {
    const auto directory = ledger::open_private_directory(sys::working_directory, path, ledger::IfMissing::fail);
    if (!directory) {
        return directory.error().number == ENOENT
                   ? skipped("is not there yet: the first container makes it")
                   : failed(directory.error().what, "every container that asks is refused "
                                                    "until it is mended");
    }
    for (const auto& part : parts) {
        const auto opened = ledger::open_private_directory(directory->borrow(), part, ledger::IfMissing::fail);
        if (!opened && opened.error().number != ENOENT) {
            return failed(opened.error().what, "chown root and chmod go-w it, or remove what is there in its place");
        }
    }
    const auto status = sys::status_of(directory->borrow());
    constexpr mode_t for_others = S_IRWXG | S_IRWXO;
    return status && (status->mode & for_others) != 0
               ? warning("others can see who has which limits", "chmod 700 " + path)
               : well();
}

Finding judge_shim(const Node& node) {
    if (!exists(shim) && node.shims().empty()) {
        return skipped("is not installed, and no engine calls it");
    }
    const auto finding = judge_program(shim, "install bulkhead-runtime there");
    if (finding.verdict == Verdict::ok && !shim::has_guard()) {
        return warning("there is no guard for this processor: disk limits can be taken off from inside",
                       "use a node of x86-64 or arm64 for those who would");
    }
    return finding;
}

// Those that engines call by the runtimes' names.
Finding judge_links(const std::vector<std::string>& paths) {
    for (const auto& path : paths) {
        if (!is_same_file(path, shim)) {
            return failed(path + (exists(path) ? " does not lead to " : " is not there, and should lead to ") + shim,
                          "ln -sfn " + shim + " " + path);
        }
        if (auto finding = judge_program(path, ""); finding.verdict != Verdict::ok) {
            return finding;
        }
    }
    return well();
}

void check_links(Section& section, const Node& node) {
    auto paths = node.shims();
    std::erase(paths, shim);
    if (paths.empty()) {
        section.add("shim-links", std::string(engines::shim_directory), skipped("no engine calls the shim by one"));
    } else if (exists(shim)) {
        section.add("shim-links", listed(paths), judge_links(paths));
    }
}

// What the shim becomes, by what it is called as.
void check_real_runtime(Section& section, const Node& node) {
    const auto self = sys::status_behind(sys::working_directory, shim);
    if (!self) {
        return;
    }
    auto callers = node.shims();
    if (callers.empty()) {
        callers.push_back(shim);
    }
    std::vector<std::string> looked;
    for (const auto& caller : callers) {
        const auto found = shim::find_real_runtime(caller, node.config().runtime.path, nullptr, *self);
        looked.push_back(caller + " becomes " + (found ? found->path : "nothing"));
        if (!found) {
            section.add("real-runtime", listed(looked),
                        failed(found.error().what, "no container starts through the shim "
                                                   "until there is one"));
            return;
        }
    }
    section.add("real-runtime", listed(looked), well());
}

Finding judge_guard(const Node& node) {
    return node.config().disk.guard == policy::Guard::off
               ? warning("disk.guard is off: disk limits can be taken off from inside, outside of user namespaces",
                         "set disk.guard to \"auto\" in the node config")
               : well();
}

bool systemd_says(const std::string& question, const std::string& unit, const std::string& answer) {
    const auto outcome = sys::run_program({"/usr/bin/systemctl", question, unit}, std::chrono::milliseconds(5000));
    return outcome && outcome->output.starts_with(answer);
}

void check_gc_timer(Section& section) {
    const std::string timer = "bulkhead-gc.timer";
    const std::string places[] = {"/etc/systemd/system/" + timer, "/usr/lib/systemd/system/" + timer,
                                  "/lib/systemd/system/" + timer};
    const auto* const unit = std::ranges::find_if(places, exists);
    if (unit == std::end(places) || !exists("/run/systemd/system")) {
        section.add("gc-timer", timer, skipped("is not installed; run bulkhead gc once an hour by other means"));
    } else if (!systemd_says("is-active", timer, "active")) {
        section.add("gc-timer", *unit,
                    failed("does not run: what containers leave that die is not given back",
                           "systemctl enable --now " + timer));
    } else if (!systemd_says("is-enabled", timer, "enabled")) {
        section.add("gc-timer", *unit, warning("will not run after the next boot", "systemctl enable " + timer));
    } else {
        section.add("gc-timer", *unit, well());
    }
}

} // namespace

void check_installation(Section& section, const Node& node) {
    section.add("config", looked_at_config(node), judge_config(node));
    section.add("state-dir", node.question.state_dir,
                judge_directory(node.question.state_dir, {"containers", "segments", "errors", "hints"}));
    section.add("records-dir", ledger::disk_directory, judge_directory(ledger::disk_directory, {"disk", "marks"}));
    section.add("hook", node.hook(), judge_program(node.hook(), "install bulkhead-hook there"));
    section.add("shim", shim, judge_shim(node));
    check_links(section, node);
    check_real_runtime(section, node);
    section.add("guard", node.question.config, judge_guard(node));
    check_gc_timer(section);
}

} // namespace bulkhead::doctor
