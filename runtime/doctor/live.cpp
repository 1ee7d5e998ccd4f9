// SPDX-License-Identifier: Apache-2.0
#include "runtime/doctor/live.h"

#include "runtime/doctor/words.h"
#include "runtime/engines/config_text.h"
#include "runtime/inventory/cgroup_use.h"
#include "runtime/inventory/inventory.h"
#include "runtime/oci/engine.h"
#include "runtime/oci/spec.h"
#include "runtime/sys/procfs.h"

#include <algorithm>
#include <map>
#include <set>

namespace bulkhead::doctor {

namespace {

using engines::Engine;
using inventory::Inventory;

struct Bundle {
    std::string id;
    std::string directory;
};

bool is_any(const std::string& /*name*/) { return true; }

std::vector<std::string> entries_of(const std::string& directory) {
    return engines::files_in(directory, is_any).value_or(std::vector<std::string>());
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Podman's and CRI-O's: DIRECTORY/ID/userdata.
void add_containers_storage(std::vector<Bundle>& bundles, const std::string& directory) {
    for (const auto& path : entries_of(directory + "/overlay-containers")) {
        bundles.push_back({.id = last_part(path), .directory = path + "/userdata"});
    }
}

// containerd's: STATE/.../NAMESPACE/ID.
void add_containerd(std::vector<Bundle>& bundles, const std::string& state) {
    for (const auto& space : entries_of(state + "/io.containerd.runtime.v2.task")) {
        for (const auto& path : entries_of(space)) {
            bundles.push_back({.id = last_part(path), .directory = path});
        }
    }
}

// Where the engines that are installed put config.json, by their own defaults.
std::vector<Bundle> bundles_of(const Node& node) {
    std::vector<Bundle> bundles;
    add_containers_storage(bundles, "/run/containers/storage");
    for (const auto& engine : node.engines) {
        if (engine.engine == Engine::podman && engine.installed()) {
            add_containers_storage(bundles, engine.config.storage);
        }
        if (engine.engine == Engine::containerd && engine.installed()) {
            add_containerd(bundles, engine.config.state);
        }
        if (engine.engine == Engine::docker && engine.installed()) {
            add_containerd(bundles, "/run/containerd");
            add_containerd(bundles, "/run/docker/containerd/daemon"); // one of its own
        }
    }
    // Two engines may have one place.
    std::ranges::sort(bundles, {}, &Bundle::directory);
    const auto rest = std::ranges::unique(bundles, {}, &Bundle::directory);
    bundles.erase(rest.begin(), rest.end());
    return bundles;
}

Ids ids_of(const std::vector<Bundle>& bundles) {
    Ids ids;
    for (const auto& bundle : bundles) {
        ids.insert(bundle.id);
    }
    return ids;
}

struct Bare {
    pid_t pid = 0;
    std::string container;
};

// One look at all processes.
class Processes {
public:
    // `guarded`: the containers' ids by the inodes of their pid namespaces.
    // `ids`: those that has_one_of() is asked about.
    Processes(Ids ids, const std::map<ino_t, std::string>& guarded) : ids_(std::move(ids)) {
        for (const auto number : sys::all_processes().value_or(std::vector<pid_t>())) {
            if (const auto process = sys::Process::open(number); process && !process->dead()) {
                look_at(*process, guarded);
            }
        }
    }

    [[nodiscard]] bool has_one_of(const std::string& container) const { return running_.contains(container); }
    // In the pid namespace of a guarded container, and without any filter.
    [[nodiscard]] const std::vector<Bare>& bare() const { return bare_; }

private:
    void look_at(const sys::Process& process, const std::map<ino_t, std::string>& guarded) {
        add_named(running_, ids_, process.cgroup().value_or(""));
        const auto space = process.pid_namespace();
        const auto container = space ? guarded.find(space->inode) : guarded.end();
        if (container != guarded.end() && process.seccomp_filters().value_or(1) == 0) {
            bare_.push_back({.pid = process.identity().pid, .container = container->second});
        }
    }

    Ids ids_;
    Ids running_;
    std::vector<Bare> bare_;
};

std::map<ino_t, std::string> guarded_namespaces(const Inventory& inventory) {
    std::map<ino_t, std::string> spaces;
    for (const auto& container : inventory.containers) {
        const auto process =
            container.guard == inventory::Guard::guarded && container.status == inventory::Status::running
                ? sys::Process::open(container.pid)
                : fail(Code::system, "is not guarded");
        if (const auto space = process ? process->pid_namespace() : std::unexpected(process.error())) {
            spaces.emplace(space->inode, container.id);
        }
    }
    return spaces;
}

// The first few of `names`, and how many there are.
std::string some_of(std::vector<std::string> names) {
    constexpr std::size_t few = 3;
    const auto count = names.size();
    names.resize(std::min(count, few));
    return listed(names) + (count > few ? " and " + std::to_string(count - few) + " more" : "");
}

// What runs without a receipt.
struct Unlimited {
    std::vector<std::string> asking; // for something
    std::vector<std::string> silent;
    std::size_t looked = 0;
};

Unlimited without_receipt(const std::vector<Bundle>& bundles, const Inventory& inventory, const Processes& processes) {
    Unlimited unlimited;
    std::set<std::string> known;
    for (const auto& container : inventory.containers) {
        if (container.status != inventory::Status::gone) {
            known.insert(container.id);
        }
    }
    for (const auto& problem : inventory.problems) {
        known.insert(last_part(problem.name)); // "containers/ID"
    }
    for (const auto& [id, directory] : bundles) {
        const auto spec = processes.has_one_of(id) ? oci::read_spec(directory) : fail(Code::system, "does not run");
        const auto engine = spec ? oci::identify_engine(*spec, id, directory) : std::unexpected(spec.error());
        unlimited.looked += spec ? 1U : 0U;
        if (!engine || engine->sandbox || known.contains(id)) {
            continue;
        }
        const bool asks = std::ranges::any_of(spec->annotations, [](const oci::Annotation& annotation) {
            return annotation.key.starts_with(oci::our_prefix);
        });
        (asks ? unlimited.asking : unlimited.silent).push_back(id);
    }
    return unlimited;
}

Finding judge_receipts(const Inventory& inventory) {
    if (inventory.problems.empty()) {
        return well();
    }
    const auto& problem = inventory.problems.front();
    return failed(problem.name + ": " + problem.reason,
                  "find out who changed it; the container must be stopped, and what was in force undone by hand");
}

Finding judge_asking(const Unlimited& unlimited) {
    return unlimited.asking.empty()
               ? well()
               : failed("containers ask for limits and have none, as they were started before this was wired, or past "
                        "it: " +
                            some_of(unlimited.asking),
                        "start them anew");
}

Finding judge_silent(const Unlimited& unlimited) {
    return unlimited.silent.empty()
               ? well()
               : warning("containers run without the node config's defaults, as they were started before them, or past "
                         "the hook: " +
                             some_of(unlimited.silent),
                         "start them anew");
}

Finding judge_disk(const Inventory& inventory) {
    std::vector<std::string> escapable;
    for (const auto& container : inventory.containers) {
        if (container.guard == inventory::Guard::escapable && container.status != inventory::Status::gone) {
            escapable.push_back(container.id + " (" + container.escapable + ")");
        }
    }
    return escapable.empty() ? well()
                             : warning("disk limits can be taken off from inside: " + some_of(escapable),
                                       "start them anew behind the shim, without what the reason names");
}

Finding judge_guard(const Processes& processes) {
    std::vector<std::string> bare;
    for (const auto& [pid, container] : processes.bare()) {
        bare.push_back("process " + std::to_string(pid) + " in " + container);
    }
    return bare.empty() ? well()
                        : warning("a guarded container has processes without the guard, which can take its disk limit "
                                  "off: " +
                                      some_of(bare),
                                  "end them; execute in it through the engine and the shim alone");
}

} // namespace

void add_named(Ids& found, const Ids& ids, std::string_view cgroups) {
    const auto take = [&](std::string_view name) {
        const auto id = ids.find(name);
        if (id == ids.end()) {
            return false;
        }
        found.insert(*id);
        return true;
    };
    while (!cgroups.empty()) {
        const auto part = cgroups.substr(0, cgroups.find_first_of("/\n"));
        cgroups.remove_prefix(std::min(cgroups.size(), part.size() + 1));
        static_cast<void>(inventory::is_called_after(part, take));
    }
}

void check_live(Section& section, const Node& node) {
    const auto inventory = inventory::take_inventory(node.question.state_dir);
    const auto place = node.question.state_dir + "/containers";
    if (!inventory) {
        section.add("receipts", place, skipped(inventory.error().what));
        return;
    }
    const auto bundles = bundles_of(node);
    const Processes processes(ids_of(bundles), guarded_namespaces(*inventory));
    const auto unlimited = without_receipt(bundles, *inventory, processes);
    const auto receipts = std::to_string(inventory->containers.size()) + " receipts";
    const auto running = std::to_string(unlimited.looked) + " running containers of podman, CRI-O and containerd";
    section.add("receipts", place + ": " + receipts, judge_receipts(*inventory));
    section.add("live-limits", running, judge_asking(unlimited));
    if (!node.config().defaults.empty()) {
        section.add("live-defaults", running, judge_silent(unlimited));
    }
    section.add("live-disk", receipts, judge_disk(*inventory));
    section.add("live-guard", receipts, judge_guard(processes));
}

} // namespace bulkhead::doctor
