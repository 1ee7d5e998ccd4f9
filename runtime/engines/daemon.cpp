// SPDX-License-Identifier: Apache-2.0
#include "runtime/engines/daemon.h"

#include "runtime/sys/process_owner.h"

#include <utility>

namespace bulkhead::engines {

namespace {

// What has another pid namespace than PID 1 is in a container (a node of "kind", for one): its config is another
// machine's.
bool is_the_nodes(const sys::Process& process) {
    const auto first = sys::Process::open(1);
    const auto of_node = first ? first->pid_namespace() : std::unexpected(first.error());
    const auto own = process.pid_namespace();
    return of_node && own && of_node->inode == own->inode && sys::is_roots(process.identity()).value_or(false);
}

} // namespace

std::string_view program_name(Engine engine) { return engine == Engine::docker ? "dockerd" : name_of(engine); }

std::vector<sys::Process> nodes_processes(std::string_view name) {
    std::vector<sys::Process> found;
    for (const auto number : sys::all_processes().value_or(std::vector<pid_t>())) {
        auto process = sys::Process::open(number);
        if (process && !process->dead() && process->name().value_or("") == name && is_the_nodes(*process)) {
            found.push_back(*std::move(process));
        }
    }
    return found;
}

std::optional<std::string> option_of(const std::vector<std::string>& arguments, const std::vector<std::string>& names) {
    for (std::size_t each = 1; each < arguments.size(); ++each) {
        const auto& word = arguments[each];
        for (const auto& name : names) {
            if (word.starts_with(name + "=")) {
                return word.substr(name.size() + 1);
            }
            if (word == name) {
                return each + 1 < arguments.size() ? arguments[each + 1] : "";
            }
        }
    }
    return std::nullopt;
}

std::optional<std::string> config_of(const std::vector<std::string>& arguments) {
    // Go's own flags may have one dash.
    return option_of(arguments, {"--config", "-config", "-c", "--config-file", "-config-file"});
}

} // namespace bulkhead::engines
